//go:build e2e

package test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"fmt"
	"io"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	s3types "github.com/aws/aws-sdk-go-v2/service/s3/types"
	"github.com/aws/aws-sdk-go-v2/service/sagemaker"
	"github.com/aws/aws-sdk-go-v2/service/sagemaker/types"
	"github.com/aws/aws-sdk-go-v2/service/sagemakerruntime"
)

// loadBucket holds everything of a mixed load.
const loadBucket = "mixed-load"

// mixedLoad does a little of everything to a server, and remembers what it
// acknowledged. What a killed server left unanswered may have happened or not.
type mixedLoad struct {
	t *testing.T

	mu        sync.Mutex
	next      int
	objects   map[string]bool           // by key: true after a put, false after a delete
	doubtful  map[string]bool           // keys whose last call was not answered
	uploads   map[string]*pendingUpload // by key: not completed
	training  []string
	transform []string
	tuning    []string
	endpoints map[string]bool // true after create, false after delete
	unsure    map[string]bool // endpoints whose delete was not answered
}

// pendingUpload is a multipart upload with one part.
type pendingUpload struct {
	id   string
	etag string // of the part, once that was acknowledged
}

func newMixedLoad(t *testing.T, s *server) *mixedLoad {
	t.Helper()
	l := &mixedLoad{t: t, objects: map[string]bool{}, doubtful: map[string]bool{}, uploads: map[string]*pendingUpload{},
		endpoints: map[string]bool{}, unsure: map[string]bool{}}
	colours(t, s, loadBucket)
	put(t, s.s3(), loadBucket, "train/a", strings.Repeat("__label__blue the sky today\n__label__red the rose today\n", 200))
	put(t, s.s3(), loadBucket, "in/a", requestLines(3000))
	put(t, s.s3(), loadBucket, "in/b", requestLines(30))
	return l
}

func (l *mixedLoad) name(kind string) string {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.next++
	return fmt.Sprintf("%s-%d", kind, l.next)
}

func (l *mixedLoad) note(fn func()) {
	l.mu.Lock()
	defer l.mu.Unlock()
	fn()
}

// contentOf is what the object of that key holds.
func contentOf(key string) []byte {
	sum := sha256.Sum256([]byte(key))
	random := rand.New(rand.NewChaCha8(sum))
	body := make([]byte, random.IntN(30_000))
	for i := range body {
		body[i] = byte(random.Uint32())
	}
	return body
}

// run loads the server until ctx ends or nothing is answered any more.
func (l *mixedLoad) run(ctx context.Context, s *server, random *rand.Rand) {
	config := s.sdk()
	config.RetryMaxAttempts = 1
	client := s3.NewFromConfig(config, func(o *s3.Options) { o.UsePathStyle = true })
	jobs := sagemaker.NewFromConfig(config)
	var workers sync.WaitGroup
	work := func(seed uint64, pause time.Duration, steps ...func(context.Context, *rand.Rand) error) {
		workers.Go(func() {
			random := rand.New(rand.NewPCG(seed, 1))
			for ctx.Err() == nil {
				if err := steps[random.IntN(len(steps))](ctx, random); err != nil {
					return
				}
				select {
				case <-time.After(time.Duration(random.Int64N(int64(pause) + 1))):
				case <-ctx.Done():
				}
			}
		})
	}
	for range 2 {
		work(random.Uint64(), 0, func(ctx context.Context, _ *rand.Rand) error { return l.put(ctx, client) },
			func(ctx context.Context, _ *rand.Rand) error { return l.put(ctx, client) },
			func(ctx context.Context, r *rand.Rand) error { return l.delete(ctx, client, r) })
	}
	work(random.Uint64(), 20*time.Millisecond, func(ctx context.Context, r *rand.Rand) error { return l.multipart(ctx, client, r) })
	work(random.Uint64(), 600*time.Millisecond,
		func(ctx context.Context, _ *rand.Rand) error { return l.train(ctx, jobs) },
		func(ctx context.Context, _ *rand.Rand) error { return l.label(ctx, jobs) },
		func(ctx context.Context, _ *rand.Rand) error { return l.label(ctx, jobs) },
		func(ctx context.Context, r *rand.Rand) error { return l.tune(ctx, jobs, r) })
	work(random.Uint64(), 300*time.Millisecond,
		func(ctx context.Context, _ *rand.Rand) error { return l.deploy(ctx, jobs) },
		func(ctx context.Context, r *rand.Rand) error { return l.undeploy(ctx, jobs, r) })
	workers.Wait()
}

func (l *mixedLoad) put(ctx context.Context, client *s3.Client) error {
	key := "objects/" + l.name("o")
	_, err := client.PutObject(ctx, &s3.PutObjectInput{Bucket: aws.String(loadBucket), Key: &key, Body: bytes.NewReader(contentOf(key))})
	l.note(func() { l.objects[key], l.doubtful[key] = err == nil, err != nil })
	return err
}

func (l *mixedLoad) delete(ctx context.Context, client *s3.Client, random *rand.Rand) error {
	var key string
	l.note(func() {
		there := slices.DeleteFunc(slices.Sorted(maps.Keys(l.objects)), func(k string) bool { return !l.objects[k] || l.doubtful[k] })
		if len(there) > 20 {
			key = there[random.IntN(len(there))]
			l.doubtful[key] = true
		}
	})
	if key == "" {
		return nil
	}
	_, err := client.DeleteObject(ctx, &s3.DeleteObjectInput{Bucket: aws.String(loadBucket), Key: &key})
	l.note(func() { l.objects[key], l.doubtful[key] = false, err != nil })
	return err
}

// multipart uploads an object in parts; some uploads stay to be completed by verify.
func (l *mixedLoad) multipart(ctx context.Context, client *s3.Client, random *rand.Rand) error {
	key := "parts/" + l.name("u")
	up, err := client.CreateMultipartUpload(ctx, &s3.CreateMultipartUploadInput{Bucket: aws.String(loadBucket), Key: &key})
	if err != nil {
		return err
	}
	pending := &pendingUpload{id: *up.UploadId}
	l.note(func() { l.uploads[key] = pending })
	part, err := client.UploadPart(ctx, &s3.UploadPartInput{Bucket: aws.String(loadBucket), Key: &key, UploadId: up.UploadId, PartNumber: aws.Int32(1), Body: bytes.NewReader(contentOf(key))})
	if err != nil {
		return err
	}
	l.note(func() { pending.etag = *part.ETag })
	if random.IntN(3) == 0 {
		return nil // later
	}
	return l.complete(ctx, client, key)
}

func (l *mixedLoad) complete(ctx context.Context, client *s3.Client, key string) error {
	var pending *pendingUpload
	l.note(func() { pending = l.uploads[key] })
	_, err := client.CompleteMultipartUpload(ctx, &s3.CompleteMultipartUploadInput{Bucket: aws.String(loadBucket), Key: &key, UploadId: &pending.id,
		MultipartUpload: &s3types.CompletedMultipartUpload{Parts: []s3types.CompletedPart{{PartNumber: aws.Int32(1), ETag: &pending.etag}}}})
	if err == nil {
		l.note(func() {
			delete(l.uploads, key)
			l.objects[key] = true
		})
	}
	return err
}

func (l *mixedLoad) train(ctx context.Context, jobs *sagemaker.Client) error {
	name := l.name("train")
	_, err := jobs.CreateTrainingJob(ctx, trainingJob(name, "s3://"+loadBucket+"/train/", "s3://"+loadBucket+"/models", map[string]string{"epochs": "20"}))
	if err == nil {
		l.note(func() { l.training = append(l.training, name) })
	}
	return err
}

func (l *mixedLoad) label(ctx context.Context, jobs *sagemaker.Client) error {
	name := l.name("transform")
	_, err := jobs.CreateTransformJob(ctx, transformJob(name, loadBucket, "in/"))
	if err == nil {
		l.note(func() { l.transform = append(l.transform, name) })
	}
	return err
}

// tune begins one of a few tuning jobs of two trials.
func (l *mixedLoad) tune(ctx context.Context, jobs *sagemaker.Client, random *rand.Rand) error {
	if random.IntN(5) > 0 {
		return l.label(ctx, jobs)
	}
	name := l.name("tune")
	train := trainingJob(name, "s3://"+loadBucket+"/train/", "s3://"+loadBucket+"/models", nil)
	validation := train.InputDataConfig[0]
	validation.ChannelName = aws.String("validation")
	_, err := jobs.CreateHyperParameterTuningJob(ctx, &sagemaker.CreateHyperParameterTuningJobInput{
		HyperParameterTuningJobName: &name,
		HyperParameterTuningJobConfig: &types.HyperParameterTuningJobConfig{
			Strategy:       types.HyperParameterTuningJobStrategyTypeRandom,
			ResourceLimits: &types.ResourceLimits{MaxNumberOfTrainingJobs: aws.Int32(2), MaxParallelTrainingJobs: aws.Int32(2)},
			HyperParameterTuningJobObjective: &types.HyperParameterTuningJobObjective{
				Type: types.HyperParameterTuningJobObjectiveTypeMaximize, MetricName: aws.String("validation:accuracy")},
			ParameterRanges: &types.ParameterRanges{ContinuousParameterRanges: []types.ContinuousParameterRange{
				{Name: aws.String("learning_rate"), MinValue: aws.String("0.05"), MaxValue: aws.String("0.5")}}},
		},
		TrainingJobDefinition: &types.HyperParameterTrainingJobDefinition{
			StaticHyperParameters:  map[string]string{"mode": "supervised", "epochs": "2", "vector_dim": "5", "min_count": "1", "buckets": "1000"},
			AlgorithmSpecification: &types.HyperParameterAlgorithmSpecification{TrainingImage: train.AlgorithmSpecification.TrainingImage, TrainingInputMode: types.TrainingInputModeFile},
			InputDataConfig:        []types.Channel{train.InputDataConfig[0], validation},
			OutputDataConfig:       train.OutputDataConfig, ResourceConfig: train.ResourceConfig, StoppingCondition: train.StoppingCondition, RoleArn: train.RoleArn,
		},
	})
	if err == nil {
		l.note(func() { l.tuning = append(l.tuning, name) })
	}
	return err
}

// deploy makes a config and an endpoint of the model "colours".
func (l *mixedLoad) deploy(ctx context.Context, jobs *sagemaker.Client) error {
	live := 0
	l.note(func() {
		for _, there := range l.endpoints {
			if there {
				live++
			}
		}
	})
	if live >= 10 {
		return nil
	}
	name := l.name("endpoint")
	_, err := jobs.CreateEndpointConfig(ctx, &sagemaker.CreateEndpointConfigInput{EndpointConfigName: &name,
		ProductionVariants: []types.ProductionVariant{{VariantName: aws.String("AllTraffic"), ModelName: aws.String("colours"),
			InitialInstanceCount: aws.Int32(1), InstanceType: types.ProductionVariantInstanceTypeMlM4Xlarge, InitialVariantWeight: aws.Float32(1)}}})
	if err == nil {
		_, err = jobs.CreateEndpoint(ctx, &sagemaker.CreateEndpointInput{EndpointName: &name, EndpointConfigName: &name})
	}
	if err == nil {
		l.note(func() { l.endpoints[name] = true })
	}
	return err
}

func (l *mixedLoad) undeploy(ctx context.Context, jobs *sagemaker.Client, random *rand.Rand) error {
	var name string
	l.note(func() {
		there := slices.DeleteFunc(slices.Sorted(maps.Keys(l.endpoints)), func(n string) bool { return !l.endpoints[n] || l.unsure[n] })
		if len(there) > 2 {
			name = there[random.IntN(len(there))]
			l.unsure[name] = true
		}
	})
	if name == "" {
		return nil
	}
	_, err := jobs.DeleteEndpoint(ctx, &sagemaker.DeleteEndpointInput{EndpointName: &name})
	if err == nil {
		l.note(func() { l.endpoints[name], l.unsure[name] = false, false })
	}
	return err
}

// acknowledged is a copy of what is known by now.
func (l *mixedLoad) acknowledged() *mixedLoad {
	l.mu.Lock()
	defer l.mu.Unlock()
	c := &mixedLoad{t: l.t, objects: maps.Clone(l.objects), doubtful: maps.Clone(l.doubtful), uploads: map[string]*pendingUpload{},
		training: slices.Clone(l.training), transform: slices.Clone(l.transform), tuning: slices.Clone(l.tuning),
		endpoints: maps.Clone(l.endpoints), unsure: maps.Clone(l.unsure)}
	for key, up := range l.uploads {
		copied := *up
		c.uploads[key] = &copied
	}
	return c
}

func (l *mixedLoad) String() string {
	return fmt.Sprintf("%d objects, %d uploads that wait, %d training, %d transform and %d tuning jobs, %d endpoints",
		len(l.objects), len(l.uploads), len(l.training), len(l.transform), len(l.tuning), len(l.endpoints))
}

// verify checks that everything acknowledged is there, and that every job comes
// to an end. Changes that were acknowledged after it was copied may be there too.
func (l *mixedLoad) verify(s *server, lenient bool) {
	l.t.Helper()
	ctx, cancel := context.WithTimeout(l.t.Context(), 5*time.Minute)
	defer cancel()
	client, jobs := s.s3(), sagemaker.NewFromConfig(s.sdk())
	for _, key := range slices.Sorted(maps.Keys(l.uploads)) {
		if l.uploads[key].etag == "" {
			continue
		}
		if err := l.complete(ctx, client, key); err != nil { // also if the completion was done, and its answer lost
			l.t.Errorf("upload %s, whose part was acknowledged, can't be completed: %v", key, err)
		}
	}
	for _, key := range slices.Sorted(maps.Keys(l.objects)) {
		if l.doubtful[key] || lenient && !l.objects[key] {
			continue
		}
		got, err := client.GetObject(ctx, &s3.GetObjectInput{Bucket: aws.String(loadBucket), Key: aws.String(key)})
		switch {
		case err == nil && !l.objects[key]:
			got.Body.Close()
			l.t.Errorf("%s is there, and its deletion was acknowledged", key)
		case err == nil:
			body, err := io.ReadAll(got.Body)
			got.Body.Close()
			if err != nil || !bytes.Equal(body, contentOf(key)) {
				l.t.Errorf("%s has %d bytes that were not sent so (%v)", key, len(body), err)
			}
		case l.objects[key]:
			l.t.Errorf("%s was acknowledged: %v", key, err)
		}
	}
	for _, name := range slices.Sorted(maps.Keys(l.endpoints)) {
		l.verifyEndpoint(ctx, s, jobs, name, lenient)
	}
	ends := map[string]int{}
	for _, name := range l.training {
		status, model, err := trainingEnd(ctx, jobs, name)
		if ends["training "+status]++; err != nil {
			l.t.Errorf("training job %s: %v", name, err)
		} else if status == "Completed" {
			if _, err := client.HeadObject(ctx, &s3.HeadObjectInput{Bucket: aws.String(loadBucket), Key: aws.String(strings.TrimPrefix(model, "s3://"+loadBucket+"/"))}); err != nil {
				l.t.Errorf("the model of %s: %v", name, err)
			}
		}
	}
	for _, name := range l.transform {
		status, err := transformEnd(ctx, jobs, name)
		if ends["transform "+status]++; err != nil {
			l.t.Errorf("transform job %s: %v", name, err)
		} else if status == "Completed" {
			checkJoined(l.t, fetch(l.t, client, loadBucket, "out/"+name+"/a.out"), 3000)
			checkJoined(l.t, fetch(l.t, client, loadBucket, "out/"+name+"/b.out"), 30)
		}
	}
	for _, name := range l.tuning {
		status, err := tuningEnd(ctx, jobs, name)
		if ends["tuning "+status]++; err != nil {
			l.t.Errorf("tuning job %s: %v", name, err)
		}
	}
	l.t.Logf("verified %v; ends: %v", l, ends)
}

func (l *mixedLoad) verifyEndpoint(ctx context.Context, s *server, jobs *sagemaker.Client, name string, lenient bool) {
	l.t.Helper()
	if l.unsure[name] || lenient && !l.endpoints[name] {
		return
	}
	for {
		e, err := jobs.DescribeEndpoint(ctx, &sagemaker.DescribeEndpointInput{EndpointName: &name})
		switch {
		case err != nil && !l.endpoints[name] && strings.Contains(err.Error(), "Could not find"):
			return
		case err != nil:
			l.t.Errorf("endpoint %s: %v", name, err)
			return
		case !l.endpoints[name] && e.EndpointStatus != types.EndpointStatusDeleting:
			l.t.Errorf("endpoint %s is %s, and its deletion was acknowledged", name, e.EndpointStatus)
			return
		case e.EndpointStatus == types.EndpointStatusInService:
			_, err := sagemakerruntime.NewFromConfig(s.sdk()).InvokeEndpoint(ctx, &sagemakerruntime.InvokeEndpointInput{
				EndpointName: &name, ContentType: aws.String("application/json"), Body: []byte(`{"instances":["the sky"]}`)})
			if err != nil {
				l.t.Errorf("endpoint %s: %v", name, err)
			}
			return
		case e.EndpointStatus == types.EndpointStatusFailed:
			l.t.Errorf("endpoint %s failed: %s", name, aws.ToString(e.FailureReason))
			return
		}
		time.Sleep(20 * time.Millisecond)
	}
}

func trainingEnd(ctx context.Context, jobs *sagemaker.Client, name string) (status, model string, err error) {
	for {
		job, err := jobs.DescribeTrainingJob(ctx, &sagemaker.DescribeTrainingJobInput{TrainingJobName: &name})
		if err != nil {
			return "", "", err
		}
		if job.TrainingJobStatus != types.TrainingJobStatusInProgress {
			if job.ModelArtifacts != nil {
				model = aws.ToString(job.ModelArtifacts.S3ModelArtifacts)
			}
			return string(job.TrainingJobStatus), model, nil
		}
		time.Sleep(20 * time.Millisecond)
	}
}

func transformEnd(ctx context.Context, jobs *sagemaker.Client, name string) (status string, err error) {
	for {
		job, err := jobs.DescribeTransformJob(ctx, &sagemaker.DescribeTransformJobInput{TransformJobName: &name})
		if err != nil || job.TransformJobStatus != types.TransformJobStatusInProgress {
			if err == nil && job.TransformJobStatus == types.TransformJobStatusFailed {
				err = fmt.Errorf("it failed: %s", aws.ToString(job.FailureReason))
			}
			return string(job.TransformJobStatus), err
		}
		time.Sleep(20 * time.Millisecond)
	}
}

func tuningEnd(ctx context.Context, jobs *sagemaker.Client, name string) (status string, err error) {
	for {
		job, err := jobs.DescribeHyperParameterTuningJob(ctx, &sagemaker.DescribeHyperParameterTuningJobInput{HyperParameterTuningJobName: &name})
		if err != nil {
			return "", err
		}
		if job.HyperParameterTuningJobStatus != types.HyperParameterTuningJobStatusInProgress {
			return string(job.HyperParameterTuningJobStatus), nil
		}
		time.Sleep(20 * time.Millisecond)
	}
}
