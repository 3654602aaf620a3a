package app

import (
	"bytes"
	"context"
	"crypto/md5"
	"encoding/hex"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/heliograph/heliograph/dataset"
	"github.com/heliograph/heliograph/internal/blob"
	"github.com/heliograph/heliograph/internal/errs"
	"github.com/heliograph/heliograph/internal/iam"
	"github.com/heliograph/heliograph/internal/route"
	"github.com/heliograph/heliograph/internal/serving"
	"github.com/heliograph/heliograph/internal/training"
	"github.com/heliograph/heliograph/web"
)

// What the demo makes. The endpoints have the names that triage asks for.
const (
	DemoBucket = "heliograph-demo" // data and models
	DemoSite   = "heliograph-site" // the page
	demoImage  = "blazingtext:1"
)

// demoHyperParameters leave the choice to the recipe. make accuracy measures the same ones.
var demoHyperParameters = map[string]string{
	"mode":   "supervised",
	"recipe": "linear",
	"seed":   "1",
}

// demo sets up the demonstration, as the root user, through the services that
// the AWS APIs call. Each step looks first, so that a second start has nothing
// to do and a half-done first one is finished.
type demo struct {
	*App
	say func(format string, args ...any)
}

// Demo makes the starter bucket, trains and deploys a model each for category,
// urgency and tone, and hosts the page with its routes. The App must be running.
// say is told of each thing that is done; nothing is said of what is there.
func (a *App) Demo(ctx context.Context, say func(format string, args ...any)) error {
	ctx = iam.WithPrincipal(ctx, a.iam.RootPrincipal())
	d := demo{App: a, say: say}
	for _, bucket := range []string{DemoBucket, DemoSite} {
		if err := d.bucket(ctx, bucket); err != nil {
			return fmt.Errorf("demo: bucket %s: %w", bucket, err)
		}
	}
	if err := d.site(ctx); err != nil {
		return fmt.Errorf("demo: page: %w", err)
	}
	if err := d.classifiers(ctx, dataset.StarterTasks()); err != nil {
		return fmt.Errorf("demo: %w", err)
	}
	for _, r := range []route.Route{
		{Path: "/blazingtext", Methods: []string{"PUT", "POST"}, Function: "classify", Config: route.Config{Endpoint: "category"}},
		{Path: "/classify", Methods: []string{"POST"}, Function: "classify-json", Config: route.Config{Endpoint: "category"}},
		{Path: "/triage", Methods: []string{"POST"}, Function: "triage"},
	} {
		if err := d.route(ctx, r); err != nil {
			return fmt.Errorf("demo: route %s: %w", r.Path, err)
		}
	}
	return d.serving.WaitReady(ctx)
}

func (d demo) bucket(ctx context.Context, name string) error {
	if _, err := d.blobs.Bucket(ctx, name); !errs.Is(err, errs.NotFound) {
		return err
	}
	return d.blobs.CreateBucket(ctx, name, d.cfg.Region)
}

// site uploads the files of the page that are not there yet, or not as this
// version of the program has them.
func (d demo) site(ctx context.Context) error {
	files, err := web.Site()
	if err != nil {
		return err
	}
	for _, f := range files {
		if err := d.upload(ctx, DemoSite, f.Name, f.Data, f.ContentType); err != nil {
			return fmt.Errorf("%s: %w", f.Name, err)
		}
	}
	want := blob.Website{Index: web.Index, Error: web.Error}
	if have, err := d.blobs.Website(ctx, DemoSite); err == nil && have == want {
		return nil
	}
	return d.blobs.SetWebsite(ctx, DemoSite, want)
}

func (d demo) upload(ctx context.Context, bucket, key string, content []byte, contentType string) error {
	have, err := d.blobs.Stat(ctx, bucket, key)
	if err == nil && have.ETag == etag(content) {
		return nil
	}
	if err != nil && !errs.Is(err, errs.NotFound) {
		return err
	}
	_, err = d.blobs.Put(ctx, bucket, key, bytes.NewReader(content), blob.PutOptions{ContentType: contentType})
	return err
}

// classifiers brings an endpoint into service for each task: the jobs of all
// that need one are created first, so that they train side by side.
func (d demo) classifiers(ctx context.Context, tasks []string) error {
	var missing []string
	for _, task := range tasks {
		endpoint, err := d.serving.DescribeEndpoint(ctx, task)
		if err == nil && endpoint.EndpointStatus != serving.Failed {
			continue
		}
		if err == nil {
			err = d.serving.DeleteEndpoint(ctx, task)
		}
		if err != nil && !errs.Is(err, errs.NotFound) {
			return fmt.Errorf("%s: %w", task, err)
		}
		missing = append(missing, task)
	}
	jobs := map[string]string{}
	for _, task := range missing {
		job, err := d.train(ctx, task)
		if err != nil {
			return fmt.Errorf("%s: %w", task, err)
		}
		jobs[task] = job
	}
	for _, task := range missing {
		job, err := d.finished(ctx, jobs[task])
		if err != nil {
			return fmt.Errorf("%s: %w", task, err)
		}
		if err := d.deploy(ctx, task, job); err != nil {
			return fmt.Errorf("%s: %w", task, err)
		}
		d.say("deployed   %-9s validation accuracy %s", task, accuracy(job))
	}
	for _, task := range tasks {
		if err := d.inService(ctx, task); err != nil {
			return fmt.Errorf("%s: %w", task, err)
		}
	}
	return nil
}

// train uploads the starter set with the task's labels and starts a training
// job on it. It returns the job's name.
func (d demo) train(ctx context.Context, task string) (string, error) {
	rows, err := dataset.StarterRows(task)
	if err != nil {
		return "", err
	}
	train, validation, err := dataset.Split(rows, 0.15, 1)
	if err != nil {
		return "", err
	}
	var channels []training.Channel
	for _, c := range []struct {
		name string
		rows []dataset.Row
	}{{"train", train}, {"validation", validation}} {
		var text []byte
		for _, row := range c.rows {
			row.Text = dataset.Normalize(row.Text)
			text = dataset.AppendLine(text, row, "__label__")
		}
		key := task + "/" + c.name + "/requests.txt"
		if err := d.upload(ctx, DemoBucket, key, text, "text/plain"); err != nil {
			return "", err
		}
		channels = append(channels, training.Channel{
			ChannelName: c.name,
			ContentType: "text/plain",
			DataSource: training.DataSource{S3DataSource: &training.S3DataSource{
				S3DataType: "S3Prefix", S3Uri: "s3://" + DemoBucket + "/" + task + "/" + c.name,
			}},
		})
	}
	now := time.Now().UTC()
	name := fmt.Sprintf("%s-%s-%03d", task, now.Format("2006-01-02-15-04-05"), now.UnixMilli()%1000)
	day := 86400
	job, err := d.training.Create(ctx, training.Spec{
		TrainingJobName:        name,
		RoleArn:                d.roleARN(),
		AlgorithmSpecification: training.AlgorithmSpecification{TrainingImage: demoImage, TrainingInputMode: "File"},
		HyperParameters:        demoHyperParameters,
		InputDataConfig:        channels,
		OutputDataConfig:       training.OutputDataConfig{S3OutputPath: "s3://" + DemoBucket + "/" + task + "/output"},
		ResourceConfig:         training.ResourceConfig{InstanceType: "ml.m5.large", InstanceCount: 1, VolumeSizeInGB: 5},
		StoppingCondition:      training.StoppingCondition{MaxRuntimeInSeconds: &day},
	})
	if err != nil {
		return "", err
	}
	d.say("training   %-9s %d requests, %d to validate", task, len(train), len(validation))
	return job.TrainingJobName, nil
}

func (d demo) finished(ctx context.Context, name string) (job training.Job, err error) {
	err = poll(ctx, func() (bool, error) {
		job, err = d.training.Describe(ctx, name)
		return job.Done(), err
	})
	if err == nil && job.TrainingJobStatus != training.Completed {
		err = fmt.Errorf("training job %s is %s: %s", name, job.TrainingJobStatus, job.FailureReason)
	}
	return job, err
}

func (d demo) deploy(ctx context.Context, task string, job training.Job) error {
	name := job.TrainingJobName
	weight, instances := 1.0, 1
	_, err := d.serving.CreateModel(ctx, serving.Model{
		ModelName:        name,
		ExecutionRoleArn: d.roleARN(),
		PrimaryContainer: &serving.Container{Image: demoImage, ModelDataUrl: job.S3ModelArtifacts},
	})
	if err != nil {
		return err
	}
	_, err = d.serving.CreateEndpointConfig(ctx, serving.EndpointConfig{
		EndpointConfigName: name,
		ProductionVariants: []serving.ProductionVariant{{
			VariantName: "AllTraffic", ModelName: name, InitialInstanceCount: &instances, InstanceType: "ml.t2.medium", InitialVariantWeight: &weight,
		}},
	})
	if err != nil {
		return err
	}
	_, err = d.serving.CreateEndpoint(ctx, serving.Endpoint{EndpointName: task, EndpointConfigName: name})
	return err
}

// poll asks until done, or an error, or the end of ctx.
func poll(ctx context.Context, ask func() (done bool, err error)) error {
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for {
		if done, err := ask(); done || err != nil {
			return err
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

func (d demo) inService(ctx context.Context, endpoint string) error {
	return poll(ctx, func() (bool, error) {
		e, err := d.serving.DescribeEndpoint(ctx, endpoint)
		if err == nil && e.EndpointStatus == serving.Failed {
			err = errors.New(e.FailureReason)
		}
		return e.EndpointStatus == serving.InService, err
	})
}

func (d demo) route(ctx context.Context, want route.Route) error {
	if _, err := d.routes.Get(ctx, want.Path); !errs.Is(err, errs.NotFound) {
		return err
	}
	_, err := d.routes.Put(ctx, want)
	return err
}

func (d demo) roleARN() string {
	return "arn:aws:iam::" + d.cfg.AccountID + ":role/SageMakerRole"
}

// etag is the tag that an object of this content has.
func etag(content []byte) string {
	sum := md5.Sum(content)
	return hex.EncodeToString(sum[:])
}

func accuracy(job training.Job) string {
	for _, m := range job.FinalMetricDataList {
		if strings.HasPrefix(m.MetricName, "validation:") {
			return fmt.Sprintf("%.1f %%", 100*m.Value)
		}
	}
	return "unknown"
}
