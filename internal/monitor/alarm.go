package monitor

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/heliograph/heliograph/internal/errs"
	"github.com/heliograph/heliograph/internal/store"
)

// The states of an alarm.
const (
	OK               = "OK"
	InAlarm          = "ALARM"
	InsufficientData = "INSUFFICIENT_DATA"
)

var states = []string{OK, InAlarm, InsufficientData}

// AlarmSpec is what a user says of an alarm. It watches a metric (MetricName and
// what goes with it) or the one of Metrics whose values are returned.
type AlarmSpec struct {
	AlarmName               string
	AlarmDescription        string   `json:",omitempty"`
	ActionsEnabled          *bool    `json:",omitempty"` // nil: true
	OKActions               []string `json:",omitempty"`
	AlarmActions            []string `json:",omitempty"`
	InsufficientDataActions []string `json:",omitempty"`

	Metric
	Statistic         string      `json:",omitempty"`
	ExtendedStatistic string      `json:",omitempty"`
	Period            int         `json:",omitempty"`
	Unit              string      `json:",omitempty"`
	Metrics           []DataQuery `json:",omitempty"`

	EvaluationPeriods                int
	DatapointsToAlarm                *int `json:",omitempty"` // nil: EvaluationPeriods
	Threshold                        *float64
	ComparisonOperator               string
	TreatMissingData                 string `json:",omitempty"` // missing, ignore, breaching or notBreaching; "" is missing
	EvaluateLowSampleCountPercentile string `json:",omitempty"` // evaluate or ignore; "" is evaluate
	ThresholdMetricID                string `json:"ThresholdMetricId,omitempty"`
}

// Alarm is an alarm as it stands.
type Alarm struct {
	AlarmSpec
	AlarmArn                           string
	AlarmConfigurationUpdatedTimestamp time.Time
	StateValue                         string
	StateReason                        string
	StateReasonData                    string    `json:",omitempty"` // JSON
	StateUpdatedTimestamp              time.Time // when it was set
	StateTransitionedTimestamp         time.Time // when it became another
}

// alarmDoc is what an alarm's record holds.
type alarmDoc = Alarm

var comparisons = []string{"GreaterThanOrEqualToThreshold", "GreaterThanThreshold", "LessThanThreshold", "LessThanOrEqualToThreshold"}

const maxAlarms = 5000

// recordName is the alarm's name as the store takes it: there, names are the same
// without regard to case, and here they aren't.
func recordName(name string) string {
	var b strings.Builder
	for _, c := range name {
		if c == '^' || c != []rune(strings.ToLower(string(c)))[0] {
			b.WriteByte('^')
		}
		b.WriteRune(c)
	}
	return b.String()
}

func (s *Service) alarmARN(name string) string {
	return "arn:aws:cloudwatch:" + s.Region + ":" + s.AccountID + ":alarm:" + name
}

// PutMetricAlarm creates an alarm or changes it. A new one has INSUFFICIENT_DATA
// until it is evaluated; another keeps its state.
func (s *Service) PutMetricAlarm(ctx context.Context, spec AlarmSpec) error {
	if err := s.Authorizer.Authorize(ctx, "cloudwatch:PutMetricAlarm", s.alarmARN(spec.AlarmName)); err != nil {
		return err
	}
	if err := spec.check(); err != nil {
		return err
	}
	return s.DB.Tx(ctx, func(ctx context.Context) error {
		now := s.Now().UTC()
		change := "created"
		_, err := s.alarms.Update(ctx, recordName(spec.AlarmName), func(r *store.Record[alarmDoc]) error {
			change = "updated"
			r.Doc.AlarmSpec, r.Doc.AlarmConfigurationUpdatedTimestamp = spec, now
			return nil
		})
		if errs.Is(err, errs.NotFound) {
			var n int
			if n, err = s.alarms.Count(ctx, store.Query{}); err != nil {
				return err
			}
			if n >= maxAlarms {
				return refuse(codeLimit, "The account has %d alarms, which is the most it may have. Delete some first.", n)
			}
			_, err = s.alarms.Create(ctx, store.Record[alarmDoc]{Name: recordName(spec.AlarmName), Status: InsufficientData, Doc: Alarm{
				AlarmSpec: spec, AlarmArn: s.alarmARN(spec.AlarmName), AlarmConfigurationUpdatedTimestamp: now,
				StateValue: InsufficientData, StateReason: "Unchecked: Initial alarm creation", StateUpdatedTimestamp: now, StateTransitionedTimestamp: now,
			}})
		}
		if err != nil {
			return err
		}
		return s.record(ctx, now, spec.AlarmName, "ConfigurationUpdate", fmt.Sprintf("Alarm %q %s", spec.AlarmName, change), map[string]any{
			"version": "1.0", "type": map[string]string{"created": "Create", "updated": "Update"}[change], change + "Alarm": spec,
		})
	})
}

// check holds the alarm against CloudWatch's rules.
func (a *AlarmSpec) check() error {
	switch {
	case a.AlarmName == "":
		return refuse(codeValidation, "1 validation error detected: Value null at 'alarmName' failed to satisfy constraint: Member must not be null")
	case len(a.AlarmName) > 255:
		return refuse(codeValidation, "1 validation error detected: Value '%s' at 'alarmName' failed to satisfy constraint: Member must have length less than or equal to 255", clip(a.AlarmName))
	case !printable(a.AlarmName):
		return refuse(codeValidation, "The alarm's name has control characters.")
	case len(a.AlarmDescription) > 1024:
		return refuse(codeValidation, "1 validation error detected: Value at 'alarmDescription' failed to satisfy constraint: Member must have length less than or equal to 1024")
	case a.EvaluationPeriods < 1:
		return refuse(codeValidation, "1 validation error detected: Value '%d' at 'evaluationPeriods' failed to satisfy constraint: Member must have value greater than or equal to 1", a.EvaluationPeriods)
	case a.DatapointsToAlarm != nil && (*a.DatapointsToAlarm < 1 || *a.DatapointsToAlarm > a.EvaluationPeriods):
		return refuse(codeValidation, "DatapointsToAlarm must be from 1 to EvaluationPeriods, which is %d.", a.EvaluationPeriods)
	case a.ThresholdMetricID != "", strings.Contains(a.ComparisonOperator, "UpperThreshold"), strings.Contains(a.ComparisonOperator, "LowerThreshold"):
		return errs.New(errs.Unsupported, codeValidation, "Alarms on anomaly detection bands (ThresholdMetricId) are not offered here. Give a Threshold.")
	case !slices.Contains(comparisons, a.ComparisonOperator):
		return refuse(codeValidation, "1 validation error detected: Value '%s' at 'comparisonOperator' failed to satisfy constraint: Member must satisfy enum value set: [%s]",
			clip(a.ComparisonOperator), strings.Join(comparisons, ", "))
	case a.Threshold == nil:
		return refuse(codeValidation, "The parameter Threshold is required.")
	case *a.Threshold != *a.Threshold || max(*a.Threshold, -*a.Threshold) > maxValue:
		return refuse(codeValidation, "The value %v for parameter Threshold is invalid.", *a.Threshold)
	case !slices.Contains([]string{"", "missing", "ignore", "breaching", "notBreaching"}, a.TreatMissingData):
		return refuse(codeValidation, "The value %s for parameter TreatMissingData must be one of missing, ignore, breaching and notBreaching.", clip(a.TreatMissingData))
	case !slices.Contains([]string{"", "evaluate", "ignore"}, a.EvaluateLowSampleCountPercentile):
		return refuse(codeValidation, "The value %s for parameter EvaluateLowSampleCountPercentile must be evaluate or ignore.", clip(a.EvaluateLowSampleCountPercentile))
	}
	for _, list := range [][]string{a.OKActions, a.AlarmActions, a.InsufficientDataActions} {
		if len(list) > 5 {
			return refuse(codeValidation, "An alarm has at most 5 actions for each of its states.")
		}
		for _, action := range list {
			if len(action) > 1024 || !strings.HasPrefix(action, "arn:") || strings.Count(action, ":") < 5 {
				return refuse(codeValidation, "Invalid arn syntax: %s", clip(action))
			}
		}
	}
	period, err := a.checkWatched()
	if err != nil {
		return err
	}
	if most := cmp.Or(7*86400*b2i(period >= 3600), 86400); period*a.EvaluationPeriods > most {
		return refuse(codeValidation, "Metrics cannot be checked across more than a day, or a week with periods of an hour or more (EvaluationPeriods * Period must be <= %d).", most)
	}
	return nil
}

func b2i(b bool) int {
	if b {
		return 1
	}
	return 0
}

// checkWatched checks what the alarm watches, and returns its period.
func (a *AlarmSpec) checkWatched() (period int, err error) {
	if len(a.Metrics) > 0 {
		if a.MetricName != "" || a.Namespace != "" || a.Period != 0 || a.Statistic != "" || a.ExtendedStatistic != "" || len(a.Dimensions) > 0 {
			return 0, refuse(codeValidation, "An alarm has either Metrics or MetricName, Namespace, Dimensions, Period, Statistic and ExtendedStatistic, not both.")
		}
		if err := checkQueries(a.Metrics, "Metrics"); err != nil {
			return 0, err
		}
		returned := 0
		for _, q := range a.Metrics {
			returned += b2i(q.returned())
			if m := q.MetricStat; m != nil {
				if err := checkAlarmPeriod(m.Period); err != nil {
					return 0, err
				}
				if period != 0 && period != m.Period {
					return 0, refuse(codeValidation, "The Metrics of an alarm must have the same Period.")
				}
				period = m.Period
			}
		}
		switch {
		case returned != 1:
			return 0, refuse(codeValidation, "Exactly one element of the metrics list should return data.")
		case period == 0:
			return 0, refuse(codeValidation, "The Metrics of an alarm must have at least one MetricStat.")
		}
		return period, nil
	}
	if err := a.Metric.check(""); err != nil {
		return 0, err
	}
	if err := checkUnit(a.Unit, ""); err != nil {
		return 0, err
	}
	if err := checkAlarmPeriod(a.Period); err != nil {
		return 0, err
	}
	switch _, ok := percentile(a.ExtendedStatistic); {
	case (a.Statistic == "") == (a.ExtendedStatistic == ""):
		return 0, refuse(codeValidation, "Exactly one of Statistic and ExtendedStatistic must be specified.")
	case a.Statistic != "" && !slices.Contains(statistics, a.Statistic):
		return 0, refuse(codeValidation, "1 validation error detected: Value '%s' at 'statistic' failed to satisfy constraint: Member must satisfy enum value set: [%s]", clip(a.Statistic), strings.Join(statistics, ", "))
	case a.ExtendedStatistic != "" && !ok:
		return 0, refuse(codeValidation, "The value %s for parameter ExtendedStatistic is not supported; give a percentile such as p99 or p99.9.", clip(a.ExtendedStatistic))
	}
	return a.Period, nil
}

func checkAlarmPeriod(period int) error {
	if period == 10 || period == 20 || period == 30 || period > 0 && period%60 == 0 && period <= 7*86400 {
		return nil
	}
	return refuse(codeValidation, "Period must be 10, 20, 30 or a multiple of 60, not %d.", period)
}

// stat is the statistic of a metric that the alarm watches.
func (a *AlarmSpec) stat() string { return cmp.Or(a.Statistic, a.ExtendedStatistic) }

// enabled reports whether the alarm's actions are taken.
func (a *AlarmSpec) enabled() bool { return a.ActionsEnabled == nil || *a.ActionsEnabled }

// AlarmState returns the state of an alarm for the server's own parts, or an errs.NotFound.
func (s *Service) AlarmState(ctx context.Context, name string) (string, error) {
	r, err := s.alarms.Get(ctx, recordName(name))
	return r.Status, err
}

// record adds to an alarm's history.
func (s *Service) record(ctx context.Context, at time.Time, alarm, kind, summary string, data any) error {
	text, err := json.Marshal(data)
	if err != nil {
		return fmt.Errorf("history of alarm %s: %w", alarm, err)
	}
	return s.DB.AddAlarmEvent(ctx, store.AlarmEvent{Alarm: alarm, At: at, Type: kind, Summary: short(summary, 255), Data: short(string(text), 4095)})
}

func short(text string, most int) string {
	if len(text) > most {
		text = strings.ToValidUTF8(text[:most-3], "") + "..."
	}
	return text
}
