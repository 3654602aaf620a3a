//go:build e2e

package test

import (
	"context"
	"errors"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatch"
	cw "github.com/aws/aws-sdk-go-v2/service/cloudwatch/types"
	"github.com/aws/aws-sdk-go-v2/service/sagemaker"
	"github.com/aws/aws-sdk-go-v2/service/sagemaker/types"
	"github.com/aws/aws-sdk-go-v2/service/sagemakerruntime"
	"github.com/aws/smithy-go"
)

// TestMetricsWithBoto3 and with the command line; what they leave survives the server.
func TestMetricsWithBoto3(t *testing.T) {
	t.Parallel()
	data := t.TempDir()
	s := start(t, data, "serve")
	if out := command(t, s.clientEnv(), "/usr/bin/python3", "metrics.py"); !strings.HasSuffix(out, "ok\n") {
		t.Error(out)
	}
	s.mustAWS("cloudwatch", "put-metric-data", "--namespace", "CLI", "--metric-name", "m", "--dimensions", "Host=a,Zone=b", "--value", "12.5", "--unit", "Milliseconds")
	s.mustAWS("cloudwatch", "put-metric-alarm", "--alarm-name", "cli", "--namespace", "CLI", "--metric-name", "m", "--dimensions", "Name=Host,Value=a", "Name=Zone,Value=b",
		"--statistic", "Average", "--period", "60", "--evaluation-periods", "1", "--threshold", "10", "--comparison-operator", "GreaterThanThreshold", "--treat-missing-data", "ignore")
	s.mustAWS("cloudwatch", "set-alarm-state", "--alarm-name", "cli", "--state-value", "ALARM", "--state-reason", "drill")
	s.kill()
	s = start(t, data, "serve")
	if out := s.mustAWS("cloudwatch", "describe-alarms", "--alarm-names", "cli"); !strings.Contains(out, `"StateValue": "ALARM"`) || !strings.Contains(out, `"StateReason": "drill"`) {
		t.Errorf("after a kill: %s", out)
	}
	out := s.mustAWS("cloudwatch", "get-metric-statistics", "--namespace", "CLI", "--metric-name", "m", "--dimensions", "Name=Zone,Value=b", "Name=Host,Value=a",
		"--start-time", time.Now().Add(-time.Hour).UTC().Format(time.RFC3339), "--end-time", time.Now().Add(time.Hour).UTC().Format(time.RFC3339), "--period", "7200", "--statistics", "Maximum")
	if !strings.Contains(out, `"Maximum": 12.5`) || !strings.Contains(out, `"Unit": "Milliseconds"`) {
		t.Errorf("after a kill: %s", out)
	}
}

// watched is a server with an endpoint called e and two configs, to update it from one to two.
type watched struct {
	*server
	ctx     context.Context
	maker   *sagemaker.Client
	runtime *sagemakerruntime.Client
	alarms  *cloudwatch.Client
}

func newWatched(t *testing.T) *watched {
	s := start(t, t.TempDir(), "serve")
	cfg := s.sdk()
	w := &watched{s, t.Context(), sagemaker.NewFromConfig(cfg), sagemakerruntime.NewFromConfig(cfg), cloudwatch.NewFromConfig(cfg)}
	s.mustAWS("s3", "mb", "s3://watched")
	s.mustAWS("s3", "cp", colourModel(t, "red", "blue"), "s3://watched/model.bin")
	s.mustAWS("sagemaker", "create-model", "--model-name", "m", "--execution-role-arn", "arn:aws:iam::000000000000:role/SageMakerRole",
		"--primary-container", "Image=blazingtext,ModelDataUrl=s3://watched/model.bin")
	for _, name := range []string{"one", "two"} {
		s.mustAWS("sagemaker", "create-endpoint-config", "--endpoint-config-name", name, "--production-variants", "VariantName=all,ModelName=m,InitialInstanceCount=2,InstanceType=ml.m5.large")
	}
	s.mustAWS("sagemaker", "create-endpoint", "--endpoint-name", "e", "--endpoint-config-name", "one")
	s.mustAWS("sagemaker", "wait", "endpoint-in-service", "--endpoint-name", "e")
	return w
}

func (w *watched) check(err error) {
	w.t.Helper()
	if err != nil {
		w.t.Fatal(err)
	}
}

// update begins a canary that would take ten minutes if no alarm went off.
func (w *watched) update(alarm string) error {
	_, err := w.maker.UpdateEndpoint(w.ctx, &sagemaker.UpdateEndpointInput{EndpointName: aws.String("e"), EndpointConfigName: aws.String("two"), DeploymentConfig: &types.DeploymentConfig{
		AutoRollbackConfiguration: &types.AutoRollbackConfig{Alarms: []types.Alarm{{AlarmName: &alarm}}},
		BlueGreenUpdatePolicy: &types.BlueGreenUpdatePolicy{MaximumExecutionTimeoutInSeconds: aws.Int32(3600), TrafficRoutingConfiguration: &types.TrafficRoutingConfig{
			Type: types.TrafficRoutingConfigTypeCanary, WaitIntervalInSeconds: aws.Int32(600), CanarySize: &types.CapacitySize{Type: types.CapacitySizeTypeCapacityPercent, Value: aws.Int32(50)}}},
	}})
	return err
}

// until describes the endpoint until it is as wanted.
func (w *watched) until(what string, limit time.Duration, as func(*sagemaker.DescribeEndpointOutput) bool) *sagemaker.DescribeEndpointOutput {
	w.t.Helper()
	for deadline := time.Now().Add(limit); ; time.Sleep(50 * time.Millisecond) {
		e, err := w.maker.DescribeEndpoint(w.ctx, &sagemaker.DescribeEndpointInput{EndpointName: aws.String("e")})
		w.check(err)
		if as(e) {
			return e
		}
		if time.Now().After(deadline) {
			w.t.Fatalf("the endpoint is not %s after %v: %+v", what, limit, e)
		}
	}
}

func (w *watched) canary() {
	w.t.Helper()
	w.until("between two configs", time.Minute, func(e *sagemaker.DescribeEndpointOutput) bool {
		return e.PendingDeploymentSummary != nil && len(e.PendingDeploymentSummary.ProductionVariants) > 0 && e.PendingDeploymentSummary.ProductionVariants[0].VariantStatus[0].Status == types.VariantStatusActivatingTraffic
	})
}

func (w *watched) rolledBack(alarm string, limit time.Duration) {
	w.t.Helper()
	e := w.until("rolled back", limit, func(e *sagemaker.DescribeEndpointOutput) bool {
		return e.EndpointStatus == types.EndpointStatusInService
	})
	if *e.EndpointConfigName != "one" || !strings.Contains(aws.ToString(e.FailureReason), "The alarm "+alarm+" went off.") {
		w.t.Errorf("config %s, reason %s", *e.EndpointConfigName, aws.ToString(e.FailureReason))
	}
}

func TestAlarmRollsAnUpdateBack(t *testing.T) {
	t.Parallel()
	w := newWatched(t)
	if err := w.update("drill"); err == nil || !strings.Contains(err.Error(), `names the alarm "drill", which does not exist`) {
		t.Fatalf("an alarm that does not exist: %v", err)
	}
	_, err := w.alarms.PutMetricAlarm(w.ctx, &cloudwatch.PutMetricAlarmInput{AlarmName: aws.String("drill"), Namespace: aws.String("Shop"), MetricName: aws.String("Complaints"),
		Statistic: cw.StatisticSum, Period: aws.Int32(60), EvaluationPeriods: aws.Int32(1), Threshold: aws.Float64(1),
		ComparisonOperator: cw.ComparisonOperatorGreaterThanOrEqualToThreshold, TreatMissingData: aws.String("ignore")})
	w.check(err)
	w.check(w.update("drill"))
	w.canary()
	_, err = w.alarms.SetAlarmState(w.ctx, &cloudwatch.SetAlarmStateInput{AlarmName: aws.String("drill"), StateValue: cw.StateValueAlarm, StateReason: aws.String("drill")})
	w.check(err)
	w.rolledBack("drill", 30*time.Second)
	w.check(w.update("drill")) // it is still on: the next update doesn't get far
	w.rolledBack("drill", 30*time.Second)
}

// TestErrorsRollAnUpdateBack lets the endpoint's own metric do that: requests that
// the model refuses, an alarm on their number, no hand on its state.
func TestErrorsRollAnUpdateBack(t *testing.T) {
	t.Parallel()
	w := newWatched(t)
	dimensions := []cw.Dimension{{Name: aws.String("EndpointName"), Value: aws.String("e")}, {Name: aws.String("VariantName"), Value: aws.String("all")}}
	_, err := w.alarms.PutMetricAlarm(w.ctx, &cloudwatch.PutMetricAlarmInput{AlarmName: aws.String("errors"), Namespace: aws.String("AWS/SageMaker"), MetricName: aws.String("InvocationModelErrors"),
		Dimensions: dimensions, Statistic: cw.StatisticSum, Period: aws.Int32(60), EvaluationPeriods: aws.Int32(1), Threshold: aws.Float64(3),
		ComparisonOperator: cw.ComparisonOperatorGreaterThanOrEqualToThreshold, TreatMissingData: aws.String("notBreaching")})
	w.check(err)
	w.check(w.update("errors"))
	w.canary()
	asking, stop := context.WithCancel(w.ctx)
	var callers sync.WaitGroup
	callers.Go(func() {
		for i := 0; asking.Err() == nil; i++ {
			body := `{"instances": ["red"]}`
			if i%4 == 0 {
				body = `{"instances": [1]}`
			}
			_, err := w.runtime.InvokeEndpoint(asking, &sagemakerruntime.InvokeEndpointInput{EndpointName: aws.String("e"), ContentType: aws.String("application/json"), Body: []byte(body)})
			if e, refused := errors.AsType[smithy.APIError](err); asking.Err() == nil && (refused != (i%4 == 0) || refused && e.ErrorCode() != "ModelError") {
				t.Errorf("request %d: %v", i, err)
			}
			time.Sleep(50 * time.Millisecond)
		}
	})
	w.rolledBack("errors", 3*time.Minute)
	stop()
	callers.Wait()

	get := func(metric string, statistic cw.Statistic) float64 {
		t.Helper()
		out, err := w.alarms.GetMetricStatistics(w.ctx, &cloudwatch.GetMetricStatisticsInput{Namespace: aws.String("AWS/SageMaker"), MetricName: &metric, Dimensions: dimensions,
			StartTime: aws.Time(time.Now().Add(-time.Hour)), EndTime: aws.Time(time.Now().Add(time.Hour)), Period: aws.Int32(7200), Statistics: []cw.Statistic{statistic}})
		w.check(err)
		if len(out.Datapoints) != 1 {
			t.Fatalf("%s has the points %+v", metric, out.Datapoints)
		}
		p := out.Datapoints[0]
		for _, v := range []*float64{p.Sum, p.Average, p.SampleCount, p.Maximum} {
			if v != nil {
				return *v
			}
		}
		return -1
	}
	n, failed := get("Invocations", cw.StatisticSum), get("InvocationModelErrors", cw.StatisticSum)
	if n < 8 || failed < 3 || failed > n/3 || get("Invocation4XXErrors", cw.StatisticSum) != failed || get("Invocation5XXErrors", cw.StatisticSum) != 0 ||
		get("Invocation4XXErrors", cw.StatisticSampleCount) != n || get("InvocationsPerInstance", cw.StatisticSum) != n/2 {
		t.Errorf("%v invocations, %v errors; 4xx %v of %v, 5xx %v, per instance %v", n, failed, get("Invocation4XXErrors", cw.StatisticSum),
			get("Invocation4XXErrors", cw.StatisticSampleCount), get("Invocation5XXErrors", cw.StatisticSum), get("InvocationsPerInstance", cw.StatisticSum))
	}
	if model, overhead := get("ModelLatency", cw.StatisticAverage), get("OverheadLatency", cw.StatisticMaximum); model <= 0 || model > 1e6 || overhead < 0 || overhead > 1e7 {
		t.Errorf("latencies of %v and %v microseconds", model, overhead)
	}
}
