//go:build e2e && linux

package test

import (
	"bytes"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/sagemaker"
)

// smallDisk mounts a file system of the given size, in bytes, which takes root.
func smallDisk(t *testing.T, size int) string {
	t.Helper()
	dir := t.TempDir()
	if err := syscall.Mount("tmpfs", dir, "tmpfs", 0, fmt.Sprintf("size=%d", size)); err != nil {
		t.Fatalf("mount a small disk: %v (this test must run as root, in a container with CAP_SYS_ADMIN)", err)
	}
	t.Cleanup(func() {
		if err := syscall.Unmount(dir, syscall.MNT_DETACH); err != nil {
			t.Error(err)
		}
	})
	return dir
}

// TestFullDisk fills the disk under the server: writes are refused in words that
// say so, reads and deletes go on, nothing acknowledged is lost, and once there is
// room everything works again, also jobs that were asked for before.
func TestFullDisk(t *testing.T) {
	t.Parallel()
	data := filepath.Join(smallDisk(t, 320<<20), "data")
	s := start(t, data, "serve")
	const bucket = "full"
	colours(t, s, bucket)
	client := s.s3()
	put(t, client, bucket, "in/a", requestLines(100_000)) // whose answers don't fit either
	acknowledged := map[string]int64{}
	fill := func(size int) (err error) {
		body := make([]byte, size)
		random := rand.New(rand.NewPCG(1, 1))
		for i := range body {
			body[i] = byte(random.Uint32())
		}
		for i := 0; i < 10_000; i++ {
			key := fmt.Sprintf("filler/%d-%d", size, i)
			if _, err = client.PutObject(t.Context(), &s3.PutObjectInput{Bucket: aws.String(bucket), Key: &key, Body: bytes.NewReader(body)}); err != nil {
				return err
			}
			acknowledged[key] = int64(size)
		}
		return errors.New("the disk never filled up")
	}
	for _, size := range []int{16 << 20, 1 << 20, 32 << 10, 1} {
		wantError(t, fill(size), "InsufficientStorage", "no room", "free space")
	}

	jobs := sagemaker.NewFromConfig(s.sdk(), func(o *sagemaker.Options) { o.RetryMaxAttempts = 1 })
	created := false
	for i := range 3 { // a record may still fit into pages that the database has
		name := fmt.Sprintf("full-%d", i)
		if _, err := jobs.CreateTransformJob(t.Context(), transformJob(name, bucket, "in/")); err != nil {
			if !strings.Contains(err.Error(), "disk is full") {
				t.Errorf("CreateTransformJob on a full disk: %v", err)
			}
			continue
		}
		created = true
		job := awaitTransform(t, jobs, name)
		if job.TransformJobStatus != "Failed" || !strings.Contains(aws.ToString(job.FailureReason), "no room") {
			t.Errorf("a transform job on a full disk is %s: %s", job.TransformJobStatus, aws.ToString(job.FailureReason))
		}
	}
	t.Logf("%d objects fill the disk; a job could be created: %v", len(acknowledged), created)
	if status, _ := get(t, s.control+"/readyz"); status != 200 {
		t.Errorf("/readyz on a full disk: %d", status)
	}
	for key, size := range acknowledged {
		head, err := client.HeadObject(t.Context(), &s3.HeadObjectInput{Bucket: aws.String(bucket), Key: aws.String(key)})
		if err != nil || *head.ContentLength != size {
			t.Errorf("%s on the full disk: %v", key, err)
		}
	}
	s.kill() // and what a killed server leaves must not be in the way

	if left, err := filepath.Glob(filepath.Join(data, "blob", "tmp", "*")); err != nil {
		t.Fatal(left, err)
	}
	for key := range acknowledged { // the operator makes room
		if acknowledged[key] == 16<<20 {
			path := filepath.Join(data, "blob", "buckets", bucket, "objects", filepath.FromSlash(key)+"#")
			if err := os.Remove(path); err != nil {
				t.Fatal(err)
			}
			delete(acknowledged, key)
		}
	}
	s = start(t, data, "serve")
	client, jobs = s.s3(), sagemaker.NewFromConfig(s.sdk())
	for key, size := range acknowledged {
		head, err := client.HeadObject(t.Context(), &s3.HeadObjectInput{Bucket: aws.String(bucket), Key: aws.String(key)})
		if err != nil || *head.ContentLength != size {
			t.Errorf("%s after a kill on the full disk: %v", key, err)
		}
	}
	put(t, client, bucket, "there/is/room", "again")
	if _, err := jobs.CreateTransformJob(t.Context(), transformJob("room", bucket, "in/")); err != nil {
		t.Fatal(err)
	}
	if job := awaitTransform(t, jobs, "room"); job.TransformJobStatus != "Completed" {
		t.Errorf("the job after there was room again is %s: %s", job.TransformJobStatus, aws.ToString(job.FailureReason))
	}
	checkJoined(t, fetch(t, client, bucket, "out/room/a.out"), 100_000)
}

// TestRecoversWhileRunning makes room by S3's own means, without a restart.
func TestRecoversWhileRunning(t *testing.T) {
	t.Parallel()
	s := start(t, filepath.Join(smallDisk(t, 64<<20), "data"), "serve")
	client, bucket := s.s3(), aws.String("full")
	if _, err := client.CreateBucket(t.Context(), &s3.CreateBucketInput{Bucket: bucket}); err != nil {
		t.Fatal(err)
	}
	big := bytes.Repeat([]byte("x"), 40<<20)
	for round := range 3 {
		put(t, client, *bucket, "first", string(big))
		_, err := client.PutObject(t.Context(), &s3.PutObjectInput{Bucket: bucket, Key: aws.String("second"), Body: bytes.NewReader(big)})
		wantError(t, err, "InsufficientStorage", "no room")
		if _, err := client.HeadObject(t.Context(), &s3.HeadObjectInput{Bucket: bucket, Key: aws.String("second")}); err == nil {
			t.Error("the object that did not fit is there")
		}
		if _, err := client.DeleteObject(t.Context(), &s3.DeleteObjectInput{Bucket: bucket, Key: aws.String("first")}); err != nil {
			t.Fatalf("round %d: delete on a full disk: %v", round, err)
		}
	}
}

// TestReadOnlyDisk starts a server on a disk that can't be written to: it must
// say so and end.
func TestReadOnlyDisk(t *testing.T) {
	t.Parallel()
	disk := smallDisk(t, 32<<20)
	data := filepath.Join(disk, "data")
	s := start(t, data, "serve")
	if _, err := s.s3().CreateBucket(t.Context(), &s3.CreateBucketInput{Bucket: aws.String("kept")}); err != nil {
		t.Fatal(err)
	}
	s.stop()
	remount := func(flags uintptr) {
		t.Helper()
		if err := syscall.Mount("tmpfs", disk, "tmpfs", syscall.MS_REMOUNT|flags, ""); err != nil {
			t.Fatal(err)
		}
	}
	remount(syscall.MS_RDONLY)
	for _, dir := range []string{data, filepath.Join(disk, "new")} {
		out, err := try(t, cleanEnv(), binary, "serve", "--data", dir, "--control-listen", "127.0.0.1:0", "--public-listen", "127.0.0.1:0")
		if err == nil || !strings.Contains(out, "read-only file system") || !strings.Contains(out, dir) {
			t.Errorf("a server in %s on a read-only disk said %q (%v)", dir, out, err)
		}
	}
	remount(0)
	s = start(t, data, "serve")
	if _, err := s.s3().HeadBucket(t.Context(), &s3.HeadBucketInput{Bucket: aws.String("kept")}); err != nil {
		t.Errorf("after the disk is writable again: %v", err)
	}
}

func awaitTransform(t *testing.T, jobs *sagemaker.Client, name string) *sagemaker.DescribeTransformJobOutput {
	t.Helper()
	for deadline := time.Now().Add(2 * time.Minute); ; time.Sleep(20 * time.Millisecond) {
		job, err := jobs.DescribeTransformJob(t.Context(), &sagemaker.DescribeTransformJobInput{TransformJobName: &name})
		if err != nil {
			t.Fatal(err)
		}
		if job.TransformJobStatus != "InProgress" {
			return job
		}
		if time.Now().After(deadline) {
			t.Fatalf("transform job %s did not end in 2 minutes", name)
		}
	}
}
