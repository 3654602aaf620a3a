package app

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"net/http"
	"time"

	"github.com/heliograph/heliograph/internal/errs"
	"github.com/heliograph/heliograph/internal/monitor"
	"github.com/heliograph/heliograph/internal/telemetry"
	"github.com/heliograph/heliograph/internal/training"
)

// openMonitor makes the metrics and alarms; what they count is made later.
func (a *App) openMonitor() (err error) {
	opt := monitor.Options{
		DB: a.db, Authorizer: a.iam, Region: a.cfg.Region, AccountID: a.cfg.AccountID, Log: a.log,
		Sources: []monitor.Source{func(tell func(telemetry.Sample)) { a.serving.Measure(tell) }},
	}
	if a.cfg.AlarmWebhook != "" {
		opt.Notify = webhook{a.cfg.AlarmWebhook, a.cfg.Region, a.cfg.AccountID}.post
	}
	a.monitor, err = monitor.New(opt)
	return err
}

// publishJob makes metrics of a training job's final ones, as SageMaker does.
func (a *App) publishJob(ctx context.Context, job *training.Job) error {
	for _, m := range job.FinalMetricDataList {
		err := a.monitor.Publish(ctx, m.Timestamp, telemetry.Sample{
			Namespace: training.LogGroup, Name: m.MetricName, Statistics: telemetry.Repeated(m.Value, 1),
			Dimensions: []telemetry.Dimension{{Name: "TrainingJobName", Value: job.TrainingJobName}},
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// webhook posts what alarms do to an address, as the JSON that CloudWatch sends
// to SNS.
type webhook struct{ url, region, account string }

func (w webhook) post(ctx context.Context, n monitor.Notification) error {
	failed := func(err error, format string, args ...any) error {
		return errs.Wrap(err, errs.Unavailable, "", format, args...)
	}
	type trigger struct {
		monitor.AlarmSpec
		AlarmName               omitted `json:"AlarmName,omitzero"`
		AlarmDescription        omitted `json:"AlarmDescription,omitzero"`
		ActionsEnabled          omitted `json:"ActionsEnabled,omitzero"`
		OKActions               omitted `json:"OKActions,omitzero"`
		AlarmActions            omitted `json:"AlarmActions,omitzero"`
		InsufficientDataActions omitted `json:"InsufficientDataActions,omitzero"`
	}
	alarm := n.Alarm
	body, err := json.Marshal(map[string]any{
		"AlarmName": alarm.AlarmName, "AlarmDescription": alarm.AlarmDescription, "AlarmArn": alarm.AlarmArn, "AWSAccountId": w.account, "Region": w.region,
		"AlarmConfigurationUpdatedTimestamp": alarm.AlarmConfigurationUpdatedTimestamp, "StateChangeTime": n.At,
		"NewStateValue": alarm.StateValue, "NewStateReason": alarm.StateReason, "OldStateValue": n.OldState,
		"OKActions": alarm.OKActions, "AlarmActions": alarm.AlarmActions, "InsufficientDataActions": alarm.InsufficientDataActions,
		"Trigger": trigger{AlarmSpec: alarm.AlarmSpec},
	})
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, w.url, bytes.NewReader(body))
	if err != nil {
		return failed(err, "The alarm_webhook can't be called.")
	}
	r.Header.Set("Content-Type", "application/json")
	answer, err := http.DefaultClient.Do(r)
	if err != nil {
		return failed(err, "The alarm_webhook did not answer.")
	}
	defer answer.Body.Close()
	_, _ = io.CopyN(io.Discard, answer.Body, 64<<10)
	if answer.StatusCode/100 != 2 {
		return failed(nil, "The alarm_webhook answered with status %d.", answer.StatusCode)
	}
	return nil
}

// omitted stands for members that are not repeated.
type omitted struct{}
