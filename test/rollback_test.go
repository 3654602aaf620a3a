//go:build e2e

package test

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatch"
	cw "github.com/aws/aws-sdk-go-v2/service/cloudwatch/types"
	"github.com/aws/aws-sdk-go-v2/service/sagemakerruntime"
	"github.com/aws/smithy-go"
)

// TestServerErrorsRollAnUpdateBack breaks the new model under load: its file is cut
// short while it is mapped, so that what reaches it is answered with 500. The alarm
// on those ends the update, and after that no request fails.
func TestServerErrorsRollAnUpdateBack(t *testing.T) {
	t.Parallel()
	w := newWatched(t)
	unpacked := func() map[string]bool {
		files := map[string]bool{}
		w.check(filepath.WalkDir(filepath.Join(w.data, "cache"), func(path string, d os.DirEntry, err error) error {
			if err == nil && d.Type().IsRegular() {
				files[path] = true
			}
			return err
		}))
		return files
	}
	w.mustAWS("s3", "cp", colourModel(t, "green", "yellow"), "s3://watched/other.bin")
	w.mustAWS("sagemaker", "create-model", "--model-name", "other", "--execution-role-arn", "arn:aws:iam::000000000000:role/SageMakerRole",
		"--primary-container", "Image=blazingtext,ModelDataUrl=s3://watched/other.bin")
	w.mustAWS("sagemaker", "delete-endpoint-config", "--endpoint-config-name", "two")
	w.mustAWS("sagemaker", "create-endpoint-config", "--endpoint-config-name", "two", "--production-variants", "VariantName=all,ModelName=other,InitialInstanceCount=2,InstanceType=ml.m5.large")
	_, err := w.alarms.PutMetricAlarm(w.ctx, &cloudwatch.PutMetricAlarmInput{AlarmName: aws.String("faults"), Namespace: aws.String("AWS/SageMaker"), MetricName: aws.String("Invocation5XXErrors"),
		Dimensions: []cw.Dimension{{Name: aws.String("EndpointName"), Value: aws.String("e")}, {Name: aws.String("VariantName"), Value: aws.String("all")}},
		Statistic:  cw.StatisticSum, Period: aws.Int32(60), EvaluationPeriods: aws.Int32(1), Threshold: aws.Float64(3),
		ComparisonOperator: cw.ComparisonOperatorGreaterThanOrEqualToThreshold, TreatMissingData: aws.String("notBreaching")})
	w.check(err)

	var broken, recovered atomic.Bool
	var answered, failed, after atomic.Int64
	asking, stop := context.WithCancel(w.ctx)
	var callers sync.WaitGroup
	defer func() { stop(); callers.Wait() }()
	for range 4 {
		callers.Go(func() {
			for asking.Err() == nil {
				mayFail, mustNot := broken.Load(), recovered.Load()
				_, err := w.runtime.InvokeEndpoint(asking, &sagemakerruntime.InvokeEndpointInput{EndpointName: aws.String("e"), ContentType: aws.String("application/json"),
					Body: []byte(`{"instances": ["red filler words"]}`)}, func(o *sagemakerruntime.Options) { o.Retryer = aws.NopRetryer{} })
				switch e, refused := errors.AsType[smithy.APIError](err); {
				case asking.Err() != nil:
				case err == nil:
					answered.Add(1)
					if mustNot {
						after.Add(1)
					}
				case refused && e.ErrorCode() == "InternalFailure" && (mayFail || broken.Load()) && !mustNot:
					failed.Add(1)
				default:
					t.Errorf("after the fault %v, after the roll-back %v: %v", mayFail, mustNot, err)
				}
				time.Sleep(20 * time.Millisecond)
			}
		})
	}
	old := unpacked()
	w.check(w.update("faults"))
	w.canary()
	cut := 0
	broken.Store(true)
	for path := range unpacked() {
		if !old[path] {
			w.check(os.Truncate(path, 0))
			cut++
		}
	}
	if cut != 1 {
		t.Fatalf("%d new files of models, want one", cut)
	}
	w.rolledBack("faults", 3*time.Minute)
	recovered.Store(true)
	before := failed.Load()
	for deadline := time.Now().Add(time.Minute); after.Load() < 200 && time.Now().Before(deadline); {
		time.Sleep(20 * time.Millisecond)
	}
	if before < 3 || after.Load() < 200 {
		t.Errorf("%d requests failed before the roll-back, %d were answered in all, %d of them after it", before, answered.Load(), after.Load())
	}
}
