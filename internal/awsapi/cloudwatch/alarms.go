package cloudwatch

import (
	"context"
	"slices"

	"github.com/heliograph/heliograph/internal/awsapi/wire"
	"github.com/heliograph/heliograph/internal/monitor"
)

type putMetricAlarmInput struct {
	AlarmName                        string
	AlarmDescription                 string
	ActionsEnabled                   *bool
	OKActions                        []string
	AlarmActions                     []string
	InsufficientDataActions          []string
	MetricName                       string
	Namespace                        string
	Statistic                        string
	ExtendedStatistic                string
	Dimensions                       []dimension
	Period                           int
	Unit                             string
	EvaluationPeriods                int
	DatapointsToAlarm                *int
	Threshold                        *float64
	ComparisonOperator               string
	TreatMissingData                 string
	EvaluateLowSampleCountPercentile string
	Metrics                          []dataQuery
	ThresholdMetricID                string `json:"ThresholdMetricId" form:"ThresholdMetricId"`
}

func (a api) putMetricAlarm(ctx context.Context, in *putMetricAlarmInput) (*none, error) {
	return done(a.service.PutMetricAlarm(ctx, monitor.AlarmSpec{
		AlarmName: in.AlarmName, AlarmDescription: in.AlarmDescription, ActionsEnabled: in.ActionsEnabled,
		OKActions: in.OKActions, AlarmActions: in.AlarmActions, InsufficientDataActions: in.InsufficientDataActions,
		Metric:    monitor.Metric{Namespace: in.Namespace, MetricName: in.MetricName, Dimensions: in.Dimensions},
		Statistic: in.Statistic, ExtendedStatistic: in.ExtendedStatistic, Period: in.Period, Unit: in.Unit, Metrics: queriesIn(in.Metrics),
		EvaluationPeriods: in.EvaluationPeriods, DatapointsToAlarm: in.DatapointsToAlarm, Threshold: in.Threshold,
		ComparisonOperator: in.ComparisonOperator, TreatMissingData: in.TreatMissingData,
		EvaluateLowSampleCountPercentile: in.EvaluateLowSampleCountPercentile, ThresholdMetricID: in.ThresholdMetricID,
	}))
}

type metricAlarm struct {
	AlarmName                          string
	AlarmArn                           string
	AlarmDescription                   string `json:",omitempty" xml:",omitempty"`
	AlarmConfigurationUpdatedTimestamp wire.Time
	ActionsEnabled                     bool
	OKActions                          list[string]
	AlarmActions                       list[string]
	InsufficientDataActions            list[string]
	StateValue                         string
	StateReason                        string
	StateReasonData                    string `json:",omitempty" xml:",omitempty"`
	StateUpdatedTimestamp              wire.Time
	StateTransitionedTimestamp         wire.Time
	MetricName                         string `json:",omitempty" xml:",omitempty"`
	Namespace                          string `json:",omitempty" xml:",omitempty"`
	Statistic                          string `json:",omitempty" xml:",omitempty"`
	ExtendedStatistic                  string `json:",omitempty" xml:",omitempty"`
	Dimensions                         list[dimension]
	Period                             int    `json:",omitempty" xml:",omitempty"`
	Unit                               string `json:",omitempty" xml:",omitempty"`
	EvaluationPeriods                  int
	DatapointsToAlarm                  *int `json:",omitempty" xml:",omitempty"`
	Threshold                          *float64
	ComparisonOperator                 string
	TreatMissingData                   string          `json:",omitempty" xml:",omitempty"`
	EvaluateLowSampleCountPercentile   string          `json:",omitempty" xml:",omitempty"`
	Metrics                            list[dataQuery] `json:",omitempty" xml:",omitempty"`
}

func alarmOut(a monitor.Alarm) metricAlarm {
	same := func(s string) string { return s }
	out := metricAlarm{
		AlarmName: a.AlarmName, AlarmArn: a.AlarmArn, AlarmDescription: a.AlarmDescription,
		AlarmConfigurationUpdatedTimestamp: wire.Time(a.AlarmConfigurationUpdatedTimestamp),
		ActionsEnabled:                     a.ActionsEnabled == nil || *a.ActionsEnabled,
		OKActions:                          listOf(a.OKActions, same), AlarmActions: listOf(a.AlarmActions, same), InsufficientDataActions: listOf(a.InsufficientDataActions, same),
		StateValue: a.StateValue, StateReason: a.StateReason, StateReasonData: a.StateReasonData,
		StateUpdatedTimestamp: wire.Time(a.StateUpdatedTimestamp), StateTransitionedTimestamp: wire.Time(a.StateTransitionedTimestamp),
		MetricName: a.MetricName, Namespace: a.Namespace, Statistic: a.Statistic, ExtendedStatistic: a.ExtendedStatistic,
		Dimensions: listOf(a.Dimensions, func(d dimension) dimension { return d }), Period: a.Period, Unit: a.Unit,
		EvaluationPeriods: a.EvaluationPeriods, DatapointsToAlarm: a.DatapointsToAlarm, Threshold: a.Threshold,
		ComparisonOperator: a.ComparisonOperator, TreatMissingData: a.TreatMissingData, EvaluateLowSampleCountPercentile: a.EvaluateLowSampleCountPercentile,
	}
	if len(a.Metrics) > 0 {
		out.Metrics = listOf(a.Metrics, queryOut)
	}
	return out
}

type describeAlarmsInput struct {
	AlarmNames      []string
	AlarmNamePrefix string
	AlarmTypes      []string
	StateValue      string
	ActionPrefix    string
	MaxRecords      *int
	NextToken       string
}

type describeAlarmsOutput struct {
	CompositeAlarms list[none] // there are none
	MetricAlarms    list[metricAlarm]
	NextToken       string `json:",omitempty" xml:",omitempty"`
}

func (a api) describeAlarms(ctx context.Context, in *describeAlarmsInput) (*describeAlarmsOutput, error) {
	alarms, next, err := a.service.DescribeAlarms(ctx, monitor.AlarmQuery{
		AlarmNames: in.AlarmNames, AlarmNamePrefix: in.AlarmNamePrefix, StateValue: in.StateValue, ActionPrefix: in.ActionPrefix,
		MaxRecords: count(in.MaxRecords), NextToken: in.NextToken,
	})
	if err != nil {
		return nil, err
	}
	if len(in.AlarmTypes) > 0 && !slices.Contains(in.AlarmTypes, "MetricAlarm") {
		alarms, next = nil, ""
	}
	return &describeAlarmsOutput{CompositeAlarms: list[none]{}, MetricAlarms: listOf(alarms, alarmOut), NextToken: next}, nil
}

// count is a number that was given, which 0 is not to be taken for none of.
func count(given *int) int {
	if given == nil {
		return 0
	}
	if *given == 0 {
		return -1
	}
	return *given
}

type describeAlarmsForMetricInput struct {
	MetricName        string
	Namespace         string
	Statistic         string
	ExtendedStatistic string
	Dimensions        []dimension
	Period            int
	Unit              string
}

type describeAlarmsForMetricOutput struct{ MetricAlarms list[metricAlarm] }

func (a api) describeAlarmsForMetric(ctx context.Context, in *describeAlarmsForMetricInput) (*describeAlarmsForMetricOutput, error) {
	alarms, err := a.service.DescribeAlarmsForMetric(ctx,
		monitor.Metric{Namespace: in.Namespace, MetricName: in.MetricName, Dimensions: in.Dimensions}, in.Statistic+in.ExtendedStatistic, in.Period, in.Unit)
	if err != nil {
		return nil, err
	}
	return &describeAlarmsForMetricOutput{listOf(alarms, alarmOut)}, nil
}

type alarmNames struct{ AlarmNames []string }

func (a api) deleteAlarms(ctx context.Context, in *alarmNames) (*none, error) {
	return done(a.service.DeleteAlarms(ctx, in.AlarmNames))
}

func (a api) enableAlarmActions(ctx context.Context, in *alarmNames) (*none, error) {
	return done(a.service.EnableAlarmActions(ctx, in.AlarmNames, true))
}

func (a api) disableAlarmActions(ctx context.Context, in *alarmNames) (*none, error) {
	return done(a.service.EnableAlarmActions(ctx, in.AlarmNames, false))
}

type setAlarmStateInput struct {
	AlarmName       string
	StateValue      string
	StateReason     string
	StateReasonData string
}

func (a api) setAlarmState(ctx context.Context, in *setAlarmStateInput) (*none, error) {
	return done(a.service.SetAlarmState(ctx, in.AlarmName, in.StateValue, in.StateReason, in.StateReasonData))
}

type describeAlarmHistoryInput struct {
	AlarmName          string
	AlarmTypes         []string
	HistoryItemType    string
	StartDate, EndDate wire.Time
	ScanBy             string
	MaxRecords         *int
	NextToken          string
}

type describeAlarmHistoryOutput struct {
	AlarmHistoryItems list[alarmHistoryItem]
	NextToken         string `json:",omitempty" xml:",omitempty"`
}

type alarmHistoryItem struct {
	AlarmName       string
	AlarmType       string
	Timestamp       wire.Time
	HistoryItemType string
	HistorySummary  string
	HistoryData     string
}

func (a api) describeAlarmHistory(ctx context.Context, in *describeAlarmHistoryInput) (*describeAlarmHistoryOutput, error) {
	ascending, err := ascending(in.ScanBy)
	if err != nil {
		return nil, err
	}
	items, next, err := a.service.DescribeAlarmHistory(ctx, monitor.HistoryQuery{
		AlarmName: in.AlarmName, HistoryItemType: in.HistoryItemType, StartDate: in.StartDate.Std(), EndDate: in.EndDate.Std(),
		Ascending: ascending, MaxRecords: count(in.MaxRecords), NextToken: in.NextToken,
	})
	if err != nil {
		return nil, err
	}
	return &describeAlarmHistoryOutput{listOf(items, func(i monitor.HistoryItem) alarmHistoryItem {
		return alarmHistoryItem{i.Alarm, "MetricAlarm", wire.Time(i.At), i.Type, i.Summary, i.Data}
	}), next}, nil
}
