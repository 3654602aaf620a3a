package cloudwatch_test

import (
	"bytes"
	"compress/gzip"
	"context"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	sdk "github.com/aws/aws-sdk-go-v2/service/cloudwatch"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatch/types"
	"github.com/aws/smithy-go"

	"github.com/heliograph/heliograph/internal/awsapi/cloudwatch"
	"github.com/heliograph/heliograph/internal/awsapi/wire"
	"github.com/heliograph/heliograph/internal/monitor"
	"github.com/heliograph/heliograph/internal/store"
)

type everyone struct{}

func (everyone) Authorize(context.Context, string, string) error { return nil }

// house serves each protocol at a path of its own; the SDK for Go speaks CBOR.
type house struct {
	*sdk.Client
	t       *testing.T
	url     string
	monitor *monitor.Service
}

func newHouse(t *testing.T) *house {
	t.Helper()
	db, err := store.Open(t.Context(), filepath.Join(t.TempDir(), "db"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { db.Close() })
	log := slog.New(slog.DiscardHandler)
	m, err := monitor.New(monitor.Options{DB: db, Authorizer: everyone{}, Region: "us-east-1", AccountID: "000000000000", Log: log})
	if err != nil {
		t.Fatal(err)
	}
	handlers := cloudwatch.New(m, wire.Options{Logger: log})
	mux := http.NewServeMux()
	mux.Handle("/service/", handlers.CBOR)
	mux.Handle("/json", handlers.JSON)
	mux.Handle("/query", handlers.Query)
	server := httptest.NewServer(mux)
	t.Cleanup(server.Close)
	return &house{t: t, url: server.URL, monitor: m, Client: sdk.New(sdk.Options{
		BaseEndpoint: &server.URL, Region: "us-east-1", RetryMaxAttempts: 1, Credentials: credentials.NewStaticCredentialsProvider("id", "secret", ""),
	})}
}

func (h *house) must(err error) {
	h.t.Helper()
	if err != nil {
		h.t.Fatal(err)
	}
}

// post sends a request by hand.
func (h *house) post(path string, header map[string]string, body string) (*http.Response, string) {
	h.t.Helper()
	r, err := http.NewRequestWithContext(h.t.Context(), "POST", h.url+path, strings.NewReader(body))
	h.must(err)
	for name, value := range header {
		r.Header.Set(name, value)
	}
	res, err := http.DefaultClient.Do(r)
	h.must(err)
	defer res.Body.Close()
	text, err := io.ReadAll(res.Body)
	h.must(err)
	return res, string(text)
}

func (h *house) json(operation, body string) (*http.Response, string) {
	h.t.Helper()
	return h.post("/json", map[string]string{
		"X-Amz-Target": "GraniteServiceVersion20100801." + operation, "Content-Type": "application/x-amz-json-1.0", "X-Amzn-Query-Mode": "true",
	}, body)
}

func (h *house) query(form string) (*http.Response, string) {
	h.t.Helper()
	return h.post("/query", map[string]string{"Content-Type": "application/x-www-form-urlencoded"}, form+"&Version=2010-08-01")
}

func TestGoSDK(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	ctx, now := t.Context(), time.Now().UTC()
	dimensions := []types.Dimension{{Name: aws.String("Host"), Value: aws.String("a")}}
	var many []types.MetricDatum // enough for the SDK to compress them
	for i := range 300 {
		many = append(many, types.MetricDatum{MetricName: aws.String("took"), Dimensions: dimensions, Timestamp: aws.Time(now.Add(-time.Minute)), Value: aws.Float64(float64(i)), Unit: types.StandardUnitSeconds})
	}
	_, err := h.PutMetricData(ctx, &sdk.PutMetricDataInput{Namespace: aws.String("Mine"), MetricData: many})
	h.must(err)
	_, err = h.PutMetricData(ctx, &sdk.PutMetricDataInput{Namespace: aws.String("Mine"), MetricData: []types.MetricDatum{
		{MetricName: aws.String("took"), Dimensions: dimensions, Values: []float64{0.5}, Counts: []float64{2}, StorageResolution: aws.Int32(1), Unit: types.StandardUnitSeconds},
		{MetricName: aws.String("set"), StatisticValues: &types.StatisticSet{SampleCount: aws.Float64(2), Sum: aws.Float64(3), Minimum: aws.Float64(1), Maximum: aws.Float64(2)}},
	}})
	h.must(err)
	listed, err := h.ListMetrics(ctx, &sdk.ListMetricsInput{Namespace: aws.String("Mine"), MetricName: aws.String("took"), Dimensions: []types.DimensionFilter{{Name: aws.String("Host")}}})
	h.must(err)
	if len(listed.Metrics) != 1 || *listed.Metrics[0].Dimensions[0].Value != "a" {
		t.Errorf("listed %+v", listed.Metrics)
	}
	got, err := h.GetMetricStatistics(ctx, &sdk.GetMetricStatisticsInput{Namespace: aws.String("Mine"), MetricName: aws.String("took"), Dimensions: dimensions,
		StartTime: aws.Time(now.Add(-time.Hour)), EndTime: aws.Time(now.Add(time.Hour)), Period: aws.Int32(7200), Statistics: []types.Statistic{"Sum", "SampleCount"}, ExtendedStatistics: []string{"p50"}})
	h.must(err)
	if len(got.Datapoints) != 1 || *got.Datapoints[0].SampleCount != 302 || *got.Datapoints[0].Sum != 299*150+1 || got.Datapoints[0].ExtendedStatistics["p50"] < 145 ||
		got.Datapoints[0].Unit != types.StandardUnitSeconds || got.Datapoints[0].Average != nil {
		t.Errorf("statistics %+v", got.Datapoints)
	}
	data, err := h.GetMetricData(ctx, &sdk.GetMetricDataInput{StartTime: aws.Time(now.Add(-time.Hour)), EndTime: aws.Time(now.Add(time.Hour)), ScanBy: types.ScanByTimestampAscending,
		MetricDataQueries: []types.MetricDataQuery{
			{Id: aws.String("m"), ReturnData: aws.Bool(false), MetricStat: &types.MetricStat{Metric: &types.Metric{Namespace: aws.String("Mine"), MetricName: aws.String("took"), Dimensions: dimensions}, Period: aws.Int32(7200), Stat: aws.String("Maximum")}},
			{Id: aws.String("e"), Expression: aws.String("m * 2"), Label: aws.String("double")},
		}})
	h.must(err)
	if len(data.MetricDataResults) != 1 || !slices.Equal(data.MetricDataResults[0].Values, []float64{598}) || data.MetricDataResults[0].StatusCode != types.StatusCodeComplete ||
		!data.MetricDataResults[0].Timestamps[0].Equal(now.Add(-time.Hour).Truncate(time.Minute)) {
		t.Errorf("data %+v", data.MetricDataResults)
	}

	_, err = h.PutMetricAlarm(ctx, &sdk.PutMetricAlarmInput{AlarmName: aws.String("slow"), Namespace: aws.String("Mine"), MetricName: aws.String("took"), Dimensions: dimensions,
		ExtendedStatistic: aws.String("p99"), Period: aws.Int32(60), EvaluationPeriods: aws.Int32(3), DatapointsToAlarm: aws.Int32(2), Threshold: aws.Float64(100),
		ComparisonOperator: types.ComparisonOperatorGreaterThanThreshold, TreatMissingData: aws.String("notBreaching")})
	h.must(err)
	h.monitor.Tick(ctx, now.Truncate(time.Minute))
	described, err := h.DescribeAlarms(ctx, &sdk.DescribeAlarmsInput{AlarmNamePrefix: aws.String("sl"), MaxRecords: aws.Int32(1)})
	h.must(err)
	if len(described.MetricAlarms) != 1 || described.MetricAlarms[0].StateValue != types.StateValueOk || *described.MetricAlarms[0].Threshold != 100 || *described.MetricAlarms[0].DatapointsToAlarm != 2 ||
		time.Since(*described.MetricAlarms[0].AlarmConfigurationUpdatedTimestamp).Abs() > time.Hour {
		t.Errorf("described %+v", described.MetricAlarms)
	}
	_, err = h.SetAlarmState(ctx, &sdk.SetAlarmStateInput{AlarmName: aws.String("slow"), StateValue: types.StateValueAlarm, StateReason: aws.String("drill")})
	h.must(err)
	if err := sdk.NewAlarmExistsWaiter(h).Wait(ctx, &sdk.DescribeAlarmsInput{AlarmNames: []string{"slow"}}, time.Minute); err != nil {
		t.Error(err)
	}
	forMetric, err := h.DescribeAlarmsForMetric(ctx, &sdk.DescribeAlarmsForMetricInput{Namespace: aws.String("Mine"), MetricName: aws.String("took"), Dimensions: dimensions})
	h.must(err)
	if len(forMetric.MetricAlarms) != 1 || forMetric.MetricAlarms[0].StateValue != types.StateValueAlarm {
		t.Errorf("for the metric %+v", forMetric.MetricAlarms)
	}
	history, err := h.DescribeAlarmHistory(ctx, &sdk.DescribeAlarmHistoryInput{AlarmName: aws.String("slow"), HistoryItemType: types.HistoryItemTypeStateUpdate})
	h.must(err)
	if len(history.AlarmHistoryItems) != 2 || *history.AlarmHistoryItems[0].HistorySummary != "Alarm updated from OK to ALARM" {
		t.Errorf("history %+v", history.AlarmHistoryItems)
	}
	_, err = h.DisableAlarmActions(ctx, &sdk.DisableAlarmActionsInput{AlarmNames: []string{"slow"}})
	h.must(err)
	_, err = h.EnableAlarmActions(ctx, &sdk.EnableAlarmActionsInput{AlarmNames: []string{"slow"}})
	h.must(err)
	_, err = h.DeleteAlarms(ctx, &sdk.DeleteAlarmsInput{AlarmNames: []string{"slow"}})
	h.must(err)

	_, err = h.DeleteAlarms(ctx, &sdk.DeleteAlarmsInput{AlarmNames: []string{"slow"}})
	if e, ok := errors.AsType[*types.ResourceNotFound](err); !ok || e.ErrorCode() != "ResourceNotFound" {
		t.Errorf("deleted twice: %v", err)
	}
	_, err = h.PutMetricData(ctx, &sdk.PutMetricDataInput{Namespace: aws.String("AWS/Mine"), MetricData: many[:1]})
	if e, ok := errors.AsType[*types.InvalidParameterValueException](err); !ok || e.ErrorCode() != "InvalidParameterValue" || !strings.Contains(e.ErrorMessage(), "AWS/") {
		t.Errorf("AWS's namespace: %v", err)
	}
	_, err = h.ListDashboards(ctx, &sdk.ListDashboardsInput{})
	if e, ok := errors.AsType[smithy.APIError](err); !ok || e.ErrorCode() != "UnknownOperationException" {
		t.Errorf("what is not offered: %v", err)
	}
}

func TestJSON(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	if res, body := h.json("PutMetricData", `{"Namespace":"Mine","MetricData":[{"MetricName":"m","Value":3,"Unit":"Count"}]}`); res.StatusCode != 200 || body != "" {
		t.Fatalf("%d %s", res.StatusCode, body)
	}
	var packed bytes.Buffer
	z := gzip.NewWriter(&packed)
	io.WriteString(z, `{"Namespace":"Mine","MetricData":[{"MetricName":"m","Value":4,"Unit":"Count"}]}`)
	z.Close()
	header := map[string]string{"X-Amz-Target": "GraniteServiceVersion20100801.PutMetricData", "Content-Encoding": "gzip", "Content-Type": "application/x-amz-json-1.0"}
	if res, body := h.post("/json", header, packed.String()); res.StatusCode != 200 {
		t.Errorf("compressed: %d %s", res.StatusCode, body)
	}
	for name, body := range map[string]string{"not compressed": "{}", "cut short": packed.String()[:20], "a bomb": bomb(t)} {
		if res, body := h.post("/json", header, body); res.StatusCode/100 != 4 {
			t.Errorf("%s: %d %s", name, res.StatusCode, body)
		}
	}
	start := time.Now().Add(-time.Hour).Truncate(time.Hour).Unix()
	res, body := h.json("GetMetricStatistics", `{"Namespace":"Mine","MetricName":"m","StartTime":`+itoa(start)+`,"EndTime":`+itoa(start+7200)+`,"Period":7200,"Statistics":["Sum"],"ExtendedStatistics":["p100"]}`)
	if want := `{"Label":"m","Datapoints":[{"Timestamp":` + itoa(start) + `,"Sum":7,"Unit":"Count","ExtendedStatistics":{"p100":4}}]}`; res.StatusCode != 200 || body != want {
		t.Errorf("%d %s, want %s", res.StatusCode, body, want)
	}
	if _, body := h.json("DescribeAlarms", `{}`); body != `{"CompositeAlarms":[],"MetricAlarms":[]}` {
		t.Errorf("no alarms: %s", body)
	}
	res, body = h.json("SetAlarmState", `{"AlarmName":"none","StateValue":"OK","StateReason":""}`)
	if res.StatusCode != 404 || res.Header.Get("X-Amzn-Query-Error") != "ResourceNotFound;Sender" || !strings.Contains(body, `"__type":"ResourceNotFound"`) {
		t.Errorf("no such alarm: %d %v %s", res.StatusCode, res.Header, body)
	}
	res, body = h.json("GetMetricStatistics", `{"Namespace":"Mine"}`)
	if res.StatusCode != 400 || res.Header.Get("X-Amzn-Query-Error") != "MissingParameter;Sender" || !strings.Contains(body, `"__type":"MissingRequiredParameterException"`) {
		t.Errorf("no metric: %d %v %s", res.StatusCode, res.Header, body)
	}
}

// bomb is a short body that would be a long one.
func bomb(t *testing.T) string {
	t.Helper()
	var packed bytes.Buffer
	z := gzip.NewWriter(&packed)
	if _, err := z.Write(make([]byte, 8<<20)); err != nil {
		t.Fatal(err)
	}
	z.Close()
	return packed.String()
}

func itoa(n int64) string {
	text, _ := json.Marshal(n)
	return string(text)
}

func TestQuery(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	form := url.Values{"Action": {"PutMetricData"}, "Namespace": {"Mine"}, "MetricData.member.1.MetricName": {"m"}, "MetricData.member.1.Values.member.1": {"2"},
		"MetricData.member.1.Values.member.2": {"3.5"}, "MetricData.member.1.Timestamp": {time.Now().UTC().Format(time.RFC3339)},
		"MetricData.member.1.Dimensions.member.1.Name": {"Host"}, "MetricData.member.1.Dimensions.member.1.Value": {"a&b"}}
	if res, body := h.query(form.Encode()); res.StatusCode != 200 || !strings.HasPrefix(body, `<PutMetricDataResponse xmlns="http://monitoring.amazonaws.com/doc/2010-08-01/">`) {
		t.Fatalf("%d %s", res.StatusCode, body)
	}
	for request, want := range map[string]string{
		"Action=ListMetrics":                   `<ListMetricsResult><Metrics><member><Namespace>Mine</Namespace><MetricName>m</MetricName><Dimensions><member><Name>Host</Name><Value>a&amp;b</Value></member></Dimensions></member></Metrics></ListMetricsResult>`,
		"Action=ListMetrics&Namespace=Nothing": `<ListMetricsResult><Metrics></Metrics></ListMetricsResult>`,
		"Action=DescribeAlarms":                `<DescribeAlarmsResult><CompositeAlarms></CompositeAlarms><MetricAlarms></MetricAlarms></DescribeAlarmsResult>`,
		"Action=GetMetricStatistics&Namespace=Mine&MetricName=m&Dimensions.member.1.Name=Host&Dimensions.member.1.Value=a%26b&Period=31536000&StartTime=2026-01-01T00:00:00Z&EndTime=2100-01-01T00:00:00Z&Statistics.member.1=Average&ExtendedStatistics.member.1=p0": `<Average>2.75</Average><Unit>None</Unit><ExtendedStatistics><entry><key>p0</key><value>2</value></entry></ExtendedStatistics></member></Datapoints></GetMetricStatisticsResult>`,
		"Action=DeleteAlarms&AlarmNames.member.1=x": `<Code>ResourceNotFound</Code>`,
		"Action=GetMetricData&StartTime=2026-01-01T00:00:00Z&EndTime=2026-01-02T00:00:00Z&MetricDataQueries.member.1.Id=a&MetricDataQueries.member.1.Expression=b": `<Code>ValidationError</Code>`,
	} {
		if _, body := h.query(request); !strings.Contains(body, want) {
			t.Errorf("%s:\n%s\nlacks %s", request, body, want)
		}
	}
}
