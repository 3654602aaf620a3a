package transform_test

import (
	"context"
	"fmt"
	"io"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/heliograph/heliograph/internal/blob"
	"github.com/heliograph/heliograph/internal/errs"
	"github.com/heliograph/heliograph/internal/iam"
	"github.com/heliograph/heliograph/internal/store"
	"github.com/heliograph/heliograph/internal/transform"
)

func TestDescribeShowsWhatWasAsked(t *testing.T) {
	t.Parallel()
	h := newHouse(t, nil)
	h.put("in/a", `{"source":"one"}`)
	created := h.create(spec("asked", func(s *transform.Spec) {
		s.TransformInput.SplitType, s.TransformOutput.AssembleWith = "", ""
		s.Environment = map[string]string{"A": "b"}
		s.Tags = []transform.Tag{{Key: "team", Value: "triage"}}
	}))
	if want := "arn:aws:sagemaker:us-east-1:000000000000:transform-job/asked"; created.TransformJobArn != want {
		t.Errorf("ARN %s, want %s", created.TransformJobArn, want)
	}
	job, err := h.Describe(h.ctx, "ASKED")
	if err != nil {
		t.Fatal(err)
	}
	if job.TransformJobStatus != transform.InProgress || job.CreationTime.IsZero() || !job.TransformStartTime.IsZero() {
		t.Errorf("a job that waits: %+v", job)
	}
	in, out, p := job.TransformInput, job.TransformOutput, *job.DataProcessing
	if in.SplitType != "None" || in.CompressionType != "None" || out.AssembleWith != "None" || p != (transform.DataProcessing{InputFilter: "$", OutputFilter: "$", JoinSource: "None"}) {
		t.Errorf("defaults are not shown: %+v %+v %+v", in, out, p)
	}
	if _, err := h.Create(h.ctx, spec("Asked")); errs.CodeOf(err) != "ResourceInUse" {
		t.Errorf("a second job of the name: %v", err)
	}
	h.run(h.Run)
	done := h.waitDone("asked")
	if done.TransformJobStatus != transform.Completed || done.TransformEndTime.Before(done.TransformStartTime) || done.TransformStartTime.Before(done.CreationTime.Add(-1e6)) {
		t.Errorf("the end: %+v", done)
	}
}

func TestTheModelMayGo(t *testing.T) {
	t.Parallel()
	h := newHouse(t, nil)
	h.put("in/a", `{"source":"two"}`)
	h.create(spec("orphan"))
	if err := h.serving.DeleteModel(h.ctx, "model"); err != nil {
		t.Fatal(err)
	}
	h.run(h.Run)
	if job := h.waitDone("orphan"); job.TransformJobStatus != transform.Completed {
		t.Errorf("%s: %s", job.TransformJobStatus, job.FailureReason)
	}
}

func TestAModelThatDoesNotLoad(t *testing.T) {
	t.Parallel()
	h := newHouse(t, nil)
	h.put("in/a", `{"source":"two"}`)
	h.put("model.bin", "this is no model")
	h.run(h.Run)
	h.create(spec("unloadable"))
	job := h.waitDone("unloadable")
	if job.TransformJobStatus != transform.Failed || !strings.HasPrefix(job.FailureReason, "ClientError: ") || !strings.Contains(job.FailureReason, "s3://data/model.bin") {
		t.Errorf("%s: %s", job.TransformJobStatus, job.FailureReason)
	}
}

func TestRights(t *testing.T) {
	t.Parallel()
	h := newHouse(t, nil)
	h.put("in/a", `{"source":"two"}`)
	nobody := iam.WithPrincipal(h.ctx, iam.Principal{ARN: "nobody"})
	_, created := h.Create(nobody, spec("denied"))
	_, described := h.Describe(nobody, "denied")
	_, _, listed := h.List(nobody, store.Query{})
	stopped := h.Service.Stop(nobody, "denied")
	for action, err := range map[string]error{"CreateTransformJob": created, "DescribeTransformJob": described, "ListTransformJobs": listed, "StopTransformJob": stopped} {
		if !errs.Is(err, errs.Denied) || !strings.Contains(errs.MessageOf(err), "sagemaker:"+action) {
			t.Errorf("%s: %v", action, err)
		}
	}
	if _, err := h.Create(iam.WithPrincipal(h.ctx, iam.Principal{}), spec("denied")); err == nil {
		t.Error("the zero principal may create jobs")
	}
}

// slowBlobs holds back reads of some objects until the test lets them go, and
// counts outputs.
type slowBlobs struct {
	transform.Blobs
	mu    sync.Mutex
	gates map[string]chan struct{} // by key
	wrote []string
}

func (b *slowBlobs) Open(ctx context.Context, bucket, key string) (blob.Object, error) {
	b.mu.Lock()
	gate := b.gates[key]
	b.mu.Unlock()
	if gate != nil {
		select {
		case <-gate:
		case <-ctx.Done():
			return nil, context.Cause(ctx)
		}
	}
	return b.Blobs.Open(ctx, bucket, key)
}

func (b *slowBlobs) Put(ctx context.Context, bucket, key string, r io.Reader, opt blob.PutOptions) (blob.ObjectInfo, error) {
	info, err := b.Blobs.Put(ctx, bucket, key, r, opt)
	if err == nil {
		b.mu.Lock()
		b.wrote = append(b.wrote, key)
		b.mu.Unlock()
	}
	return info, err
}

func (b *slowBlobs) written() []string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return slices.Clone(b.wrote)
}

func TestStop(t *testing.T) {
	t.Parallel()
	blobs := &slowBlobs{gates: map[string]chan struct{}{"in/b": make(chan struct{})}}
	h := newHouse(t, func(o *transform.Options) { blobs.Blobs, o.Blobs, o.Parallel = o.Blobs, blobs, 1 })
	h.put("in/a", `{"source":"one"}`)
	h.put("in/b", `{"source":"two"}`)
	h.run(h.Run)
	h.create(spec("running"))
	h.wait("running", "writing", func(transform.Job) bool { return len(blobs.written()) == 1 })
	h.create(spec("waiting"))
	for _, name := range []string{"waiting", "running"} {
		if err := h.Service.Stop(h.ctx, name); err != nil {
			t.Fatal(err)
		}
		job := h.waitDone(name)
		if job.TransformJobStatus != transform.Stopped || job.FailureReason != "" || job.TransformEndTime.IsZero() {
			t.Errorf("%s: %+v", name, job)
		}
	}
	if err := h.Service.Stop(h.ctx, "running"); !errs.Is(err, errs.Invalid) || !strings.Contains(err.Error(), "status Stopped") {
		t.Errorf("to stop what has ended: %v", err)
	}
	if got := blobs.written(); fmt.Sprint(got) != "[out/running/a.out]" {
		t.Errorf("outputs %q: those finished before the stop stay, others don't come", got)
	}
	if err := h.Service.Stop(h.ctx, "nobody"); errs.MessageOf(err) != "Requested resource not found." {
		t.Errorf("to stop what is not there: %v", err)
	}
}

// TestGoesOnAfterARestart stops a service in the middle of a job, and lets another
// die there. The job must complete without writing an output twice, though its
// outputs lie among its inputs.
func TestGoesOnAfterARestart(t *testing.T) {
	t.Parallel()
	gate := make(chan struct{})
	blobs := &slowBlobs{gates: map[string]chan struct{}{"in/c": gate}}
	h := newHouse(t, func(o *transform.Options) { blobs.Blobs, o.Blobs, o.Threads = o.Blobs, blobs, 1 })
	for _, key := range []string{"a", "b", "c", "d", "e"} {
		h.put("in/"+key, `{"source":"one"}`)
	}
	in := func(s *transform.Spec) { s.TransformOutput.S3OutputPath = "s3://data/in/" }
	written := func(transform.Job) bool { return len(blobs.written()) == 4 }

	stop := h.run(h.Run)
	h.create(spec("job", in))
	h.wait("job", "written but for c", written)
	stop()
	if job := h.wait("job", "given back", func(j transform.Job) bool { return j.Worker == "" }); job.TransformJobStatus != transform.InProgress || job.Attempts != 0 {
		t.Errorf("after an orderly stop: %+v", job)
	}

	// This one holds the job and never ends it: a killed server. Its lease is then given up, as at a start.
	dead := h.newService()
	h.run(dead.Run)
	h.wait("job", "taken", func(j transform.Job) bool { return j.Attempts == 1 && j.Finished == 4 })
	if err := h.db.ReleaseLeases(t.Context()); err != nil {
		t.Fatal(err)
	}
	h.Service = h.newService()
	h.run(h.Run)
	h.wait("job", "taken again", func(j transform.Job) bool { return j.Attempts == 2 })
	close(gate)
	job := h.waitDone("job")
	if job.TransformJobStatus != transform.Completed {
		t.Fatalf("%s: %s", job.TransformJobStatus, job.FailureReason)
	}
	got := blobs.written()
	slices.Sort(got)
	got = slices.CompactFunc(got, func(a, b string) bool { return a == b && a == "in/c.out" }) // the dead may have been at it
	if want := "[in/a.out in/b.out in/c.out in/d.out in/e.out]"; fmt.Sprint(got) != want {
		t.Errorf("written: %q, want %s", got, want)
	}
	if log := h.dataLog(job); !strings.Contains(log, "4 of 5 objects were finished before") {
		t.Errorf("the log doesn't tell of the restart:\n%s", log)
	}

	// Another job of the same objects and outputs is not taken in by what the first one wrote.
	h.put("lists/all", `[{"prefix": "s3://data/in/"}, "a", "e"]`)
	h.complete(spec("other", in, func(s *transform.Spec) {
		*s.TransformInput.DataSource.S3DataSource = transform.S3DataSource{S3DataType: "ManifestFile", S3Uri: "s3://data/lists/all"}
	}))
	if n := len(blobs.written()); n != len(got)+2 && n != len(got)+3 {
		t.Errorf("%d outputs were written in all: %q", n, blobs.written())
	}
}

// TestGivesUp starts a job again and again that never comes anywhere.
func TestGivesUp(t *testing.T) {
	t.Parallel()
	blobs := &slowBlobs{gates: map[string]chan struct{}{"in/a": make(chan struct{})}}
	h := newHouse(t, func(o *transform.Options) { blobs.Blobs, o.Blobs = o.Blobs, blobs })
	h.put("in/a", `{"source":"one"}`)
	h.create(spec("killer"))
	for attempt := 1; attempt <= 5; attempt++ {
		h.run(h.newService().Run)
		h.wait("killer", "taken", func(j transform.Job) bool { return j.Attempts == attempt })
		if err := h.db.ReleaseLeases(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	h.run(h.newService().Run)
	job := h.waitDone("killer")
	if job.TransformJobStatus != transform.Failed || !strings.Contains(job.FailureReason, "ended unexpectedly 5 times") {
		t.Errorf("%s: %s", job.TransformJobStatus, job.FailureReason)
	}
}

func TestList(t *testing.T) {
	t.Parallel()
	h := newHouse(t, nil)
	h.put("in/a", `{"source":"one"}`)
	for _, name := range []string{"beta", "alpha", "gamma"} {
		h.create(spec(name))
	}
	if err := h.Service.Stop(h.ctx, "gamma"); err != nil {
		t.Fatal(err)
	}
	for _, test := range []struct {
		q    store.Query
		want string
	}{
		{store.Query{Descending: true}, "gamma alpha beta"},
		{store.Query{Order: store.ByName}, "alpha beta gamma"},
		{store.Query{Status: transform.Stopped}, "gamma"},
		{store.Query{NameContains: "ALPH"}, "alpha"},
	} {
		jobs, _, err := h.List(h.ctx, test.q)
		if err != nil {
			t.Fatal(err)
		}
		var names []string
		for _, j := range jobs {
			names = append(names, j.TransformJobName)
		}
		if got := strings.Join(names, " "); got != test.want {
			t.Errorf("%+v lists %s, want %s", test.q, got, test.want)
		}
	}
}
