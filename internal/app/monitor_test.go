package app

import (
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/heliograph/heliograph/internal/errs"
	"github.com/heliograph/heliograph/internal/monitor"
)

func TestWebhook(t *testing.T) {
	t.Parallel()
	var got map[string]any
	status := http.StatusOK
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil || r.Method != http.MethodPost || r.Header.Get("Content-Type") != "application/json" || json.Unmarshal(body, &got) != nil {
			t.Errorf("%s %s: %s, %v", r.Method, r.Header.Get("Content-Type"), body, err)
		}
		w.WriteHeader(status)
	}))
	defer server.Close()
	threshold := 3.0
	n := monitor.Notification{OldState: "OK", At: time.Date(2026, 3, 4, 12, 0, 0, 0, time.UTC), Alarm: monitor.Alarm{
		AlarmArn: "arn:aws:cloudwatch:us-east-1:111122223333:alarm:errors", StateValue: "ALARM", StateReason: "too many",
		AlarmSpec: monitor.AlarmSpec{AlarmName: "errors", AlarmActions: []string{"arn:aws:sns:us-east-1:111122223333:ops"},
			Metric:    monitor.Metric{Namespace: "AWS/SageMaker", MetricName: "Invocation5XXErrors", Dimensions: []monitor.Dimension{{Name: "EndpointName", Value: "e"}}},
			Statistic: "Sum", Period: 60, EvaluationPeriods: 1, Threshold: &threshold, ComparisonOperator: "GreaterThanThreshold"},
	}}
	hook := webhook{server.URL, "us-east-1", "111122223333"}
	if err := hook.post(t.Context(), n); err != nil {
		t.Fatal(err)
	}
	for member, want := range map[string]string{"AlarmName": "errors", "NewStateValue": "ALARM", "OldStateValue": "OK", "NewStateReason": "too many",
		"StateChangeTime": "2026-03-04T12:00:00Z", "AWSAccountId": "111122223333", "Region": "us-east-1"} {
		if got[member] != want {
			t.Errorf("%s is %v, want %s", member, got[member], want)
		}
	}
	trigger, _ := got["Trigger"].(map[string]any)
	if trigger["MetricName"] != "Invocation5XXErrors" || trigger["Threshold"] != 3.0 || trigger["AlarmName"] != nil || trigger["AlarmActions"] != nil {
		t.Errorf("trigger %v", trigger)
	}
	status = http.StatusBadGateway
	if err := hook.post(t.Context(), n); err == nil || !strings.Contains(err.Error(), "502") {
		t.Errorf("refused: %v", err)
	}
	server.Close()
	if err := hook.post(t.Context(), n); err == nil || strings.Contains(errs.MessageOf(err), server.URL) {
		t.Errorf("gone: %v", err)
	}
}
