package monitor

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/heliograph/heliograph/internal/errs"
	"github.com/heliograph/heliograph/internal/store"
)

// AlarmQuery selects alarms. Zero fields select everything.
type AlarmQuery struct {
	AlarmNames      []string
	AlarmNamePrefix string
	StateValue      string
	ActionPrefix    string
	MaxRecords      int // 1 to 100; 0 is 50
	NextToken       string
}

// DescribeAlarms returns a page of alarms by name, and the token of the next, "" if there is none.
func (s *Service) DescribeAlarms(ctx context.Context, q AlarmQuery) (page []Alarm, next string, err error) {
	if err := s.Authorizer.Authorize(ctx, "cloudwatch:DescribeAlarms", s.alarmARN("*")); err != nil {
		return nil, "", err
	}
	switch {
	case len(q.AlarmNames) > 100:
		return nil, "", refuse(codeValidation, "1 validation error detected: Value at 'alarmNames' failed to satisfy constraint: Member must have length less than or equal to 100")
	case len(q.AlarmNames) > 0 && q.AlarmNamePrefix != "":
		return nil, "", refuse(codeValidation, "AlarmNamePrefix and AlarmNames are mutually exclusive; give one of them.")
	case q.MaxRecords < 0 || q.MaxRecords > 100:
		return nil, "", refuse(codeValidation, "1 validation error detected: Value '%d' at 'maxRecords' failed to satisfy constraint: Member must have value between 1 and 100", q.MaxRecords)
	case q.StateValue != "" && !slices.Contains(states, q.StateValue):
		return nil, "", refuse(codeValidation, "1 validation error detected: Value '%s' at 'stateValue' failed to satisfy constraint: Member must satisfy enum value set: [%s]", clip(q.StateValue), strings.Join(states, ", "))
	}
	if q.MaxRecords == 0 {
		q.MaxRecords = 50
	}
	all, err := s.allAlarms(ctx, store.Query{Status: q.StateValue})
	if err != nil {
		return nil, "", err
	}
	slices.SortFunc(all, func(a, b Alarm) int { return strings.Compare(a.AlarmName, b.AlarmName) })
	for _, a := range all {
		if len(q.AlarmNames) > 0 && !slices.Contains(q.AlarmNames, a.AlarmName) || !strings.HasPrefix(a.AlarmName, q.AlarmNamePrefix) ||
			q.ActionPrefix != "" && !slices.ContainsFunc(a.actions(""), func(action string) bool { return strings.HasPrefix(action, q.ActionPrefix) }) ||
			q.NextToken != "" && a.AlarmName <= q.NextToken {
			continue
		}
		if len(page) == q.MaxRecords {
			return page, page[len(page)-1].AlarmName, nil
		}
		page = append(page, a)
	}
	return page, "", nil
}

// DescribeAlarmsForMetric returns the alarms that watch a metric itself, by name.
// Zero values but those of the metric select everything.
func (s *Service) DescribeAlarmsForMetric(ctx context.Context, m Metric, statistic string, period int, unit string) ([]Alarm, error) {
	if err := s.Authorizer.Authorize(ctx, "cloudwatch:DescribeAlarmsForMetric", "*"); err != nil {
		return nil, err
	}
	if err := m.check(""); err != nil {
		return nil, err
	}
	all, err := s.allAlarms(ctx, store.Query{})
	all = slices.DeleteFunc(all, func(a Alarm) bool {
		return a.Namespace != m.Namespace || a.MetricName != m.MetricName || a.Metric.dimensions() != m.dimensions() ||
			statistic != "" && a.stat() != statistic || period != 0 && a.Period != period || unit != "" && a.Unit != unit
	})
	slices.SortFunc(all, func(a, b Alarm) int { return strings.Compare(a.AlarmName, b.AlarmName) })
	return all, err
}

// allAlarms reads all alarms that the store's query selects.
func (s *Service) allAlarms(ctx context.Context, q store.Query) (all []Alarm, err error) {
	q.Order, q.Limit = store.ByName, 1000
	for {
		records, next, err := s.alarms.List(ctx, q)
		if err != nil {
			return nil, err
		}
		for _, r := range records {
			all = append(all, r.Doc)
		}
		if q.Token = next; next == "" {
			return all, nil
		}
	}
}

// actions are those of a state; "" is of all states.
func (a *AlarmSpec) actions(state string) []string {
	switch state {
	case OK:
		return a.OKActions
	case InAlarm:
		return a.AlarmActions
	case InsufficientData:
		return a.InsufficientDataActions
	}
	return slices.Concat(a.OKActions, a.AlarmActions, a.InsufficientDataActions)
}

// DeleteAlarms removes alarms, all or, if one does not exist, none. Their history stays.
func (s *Service) DeleteAlarms(ctx context.Context, names []string) error {
	return s.changeAll(ctx, "cloudwatch:DeleteAlarms", names, func(ctx context.Context, name string) error {
		_, err := s.alarms.Delete(ctx, recordName(name), nil)
		if errs.Is(err, errs.NotFound) {
			return unknownAlarm(err, name)
		} else if err != nil {
			return err
		}
		return s.record(ctx, s.Now(), name, "ConfigurationUpdate", fmt.Sprintf("Alarm %q deleted", name),
			map[string]any{"version": "1.0", "type": "Delete", "deletedAlarm": map[string]string{"AlarmName": name}})
	})
}

// EnableAlarmActions lets the actions of alarms be taken, or not. Names that no alarm has are ignored.
func (s *Service) EnableAlarmActions(ctx context.Context, names []string, enabled bool) error {
	action := "cloudwatch:EnableAlarmActions"
	if !enabled {
		action = "cloudwatch:DisableAlarmActions"
	}
	return s.changeAll(ctx, action, names, func(ctx context.Context, name string) error {
		_, err := s.alarms.Update(ctx, recordName(name), func(r *store.Record[alarmDoc]) error {
			r.Doc.ActionsEnabled = &enabled
			r.Doc.AlarmConfigurationUpdatedTimestamp = s.Now().UTC()
			return nil
		})
		if errs.Is(err, errs.NotFound) {
			return nil
		}
		return err
	})
}

func (s *Service) changeAll(ctx context.Context, action string, names []string, change func(ctx context.Context, name string) error) error {
	for _, name := range names {
		if err := s.Authorizer.Authorize(ctx, action, s.alarmARN(name)); err != nil {
			return err
		}
	}
	if len(names) == 0 || len(names) > 100 {
		if err := s.Authorizer.Authorize(ctx, action, s.alarmARN("*")); err != nil {
			return err
		}
		return refuse(codeValidation, "The parameter AlarmNames must have 1 to 100 names.")
	}
	return s.DB.Tx(ctx, func(ctx context.Context) error {
		for _, name := range names {
			if err := change(ctx, name); err != nil {
				return err
			}
		}
		return nil
	})
}

func unknownAlarm(cause error, name string) error {
	return errs.Wrap(cause, errs.NotFound, codeNotFound, "The alarm %q does not exist.", clip(name))
}

// SetAlarmState gives an alarm a state until it is evaluated next. Its actions
// are taken.
func (s *Service) SetAlarmState(ctx context.Context, name, state, reason, reasonData string) error {
	if err := s.Authorizer.Authorize(ctx, "cloudwatch:SetAlarmState", s.alarmARN(name)); err != nil {
		return err
	}
	switch {
	case !slices.Contains(states, state):
		return refuse(codeValidation, "1 validation error detected: Value '%s' at 'stateValue' failed to satisfy constraint: Member must satisfy enum value set: [%s]", clip(state), strings.Join(states, ", "))
	case len(reason) > 1023:
		return refuse(codeValidation, "1 validation error detected: Value at 'stateReason' failed to satisfy constraint: Member must have length less than or equal to 1023")
	case len(reasonData) > 4000:
		return refuse(codeValidation, "1 validation error detected: Value at 'stateReasonData' failed to satisfy constraint: Member must have length less than or equal to 4000")
	case reasonData != "" && !json.Valid([]byte(reasonData)):
		return refuse(codeFormat, "StateReasonData is not valid JSON.")
	}
	return s.enter(ctx, name, s.Now(), func(*Alarm) judgement { return judgement{state, reason, reasonData} })
}

// judgement is the state that an alarm is to have, and why.
type judgement struct{ state, reason, data string }

// enter gives an alarm the state that judge finds, and takes the actions of one
// that it did not have.
func (s *Service) enter(ctx context.Context, name string, now time.Time, judge func(*Alarm) judgement) error {
	var changed *Notification
	err := s.DB.Tx(ctx, func(ctx context.Context) error {
		changed = nil
		var before Alarm
		r, err := s.alarms.Update(ctx, recordName(name), func(r *store.Record[alarmDoc]) error {
			before = r.Doc
			j := judge(&r.Doc)
			r.Status, r.Doc.StateValue, r.Doc.StateReason, r.Doc.StateReasonData = j.state, j.state, j.reason, j.data
			r.Doc.StateUpdatedTimestamp = now.UTC()
			if before.StateValue != j.state {
				r.Doc.StateTransitionedTimestamp = now.UTC()
			}
			return nil
		})
		if errs.Is(err, errs.NotFound) {
			return unknownAlarm(err, name)
		} else if err != nil || before.StateValue == r.Doc.StateValue {
			return err
		}
		changed = &Notification{Alarm: r.Doc, OldState: before.StateValue, At: now.UTC()}
		return s.record(ctx, now, name, "StateUpdate", "Alarm updated from "+before.StateValue+" to "+r.Doc.StateValue,
			map[string]any{"version": "1.0", "oldState": stateOf(&before), "newState": stateOf(&r.Doc)})
	})
	if err == nil && changed != nil {
		s.act(ctx, *changed)
	}
	return err
}

// stateOf is an alarm's state as history tells it.
func stateOf(a *Alarm) map[string]any {
	state := map[string]any{"stateValue": a.StateValue, "stateReason": a.StateReason}
	if a.StateReasonData != "" {
		state["stateReasonData"] = json.RawMessage(a.StateReasonData)
	}
	return state
}

// HistoryQuery selects what has happened to alarms. Zero fields select everything.
type HistoryQuery struct {
	AlarmName          string
	HistoryItemType    string
	StartDate, EndDate time.Time
	Ascending          bool
	MaxRecords         int // 1 to 100; 0 is 50
	NextToken          string
}

// HistoryItem is one thing that has happened to an alarm.
type HistoryItem = store.AlarmEvent

var historyTypes = []string{"ConfigurationUpdate", "StateUpdate", "Action"}

// DescribeAlarmHistory returns a page of history, and the token of the next, "" if there is none.
func (s *Service) DescribeAlarmHistory(ctx context.Context, q HistoryQuery) (page []HistoryItem, next string, err error) {
	resource := q.AlarmName
	if resource == "" {
		resource = "*"
	}
	if err := s.Authorizer.Authorize(ctx, "cloudwatch:DescribeAlarmHistory", s.alarmARN(resource)); err != nil {
		return nil, "", err
	}
	switch {
	case q.MaxRecords < 0 || q.MaxRecords > 100:
		return nil, "", refuse(codeValidation, "1 validation error detected: Value '%d' at 'maxRecords' failed to satisfy constraint: Member must have value between 1 and 100", q.MaxRecords)
	case q.HistoryItemType != "" && !slices.Contains(historyTypes, q.HistoryItemType):
		return nil, "", refuse(codeValidation, "1 validation error detected: Value '%s' at 'historyItemType' failed to satisfy constraint: Member must satisfy enum value set: [%s]", clip(q.HistoryItemType), strings.Join(historyTypes, ", "))
	}
	if q.MaxRecords == 0 {
		q.MaxRecords = 50
	}
	list := store.HistoryQuery{Alarm: q.AlarmName, Type: q.HistoryItemType, Start: q.StartDate, End: q.EndDate, Descending: !q.Ascending, Limit: q.MaxRecords + 1}
	if q.NextToken != "" {
		at, id, _ := strings.Cut(q.NextToken, "-")
		us, err1 := strconv.ParseInt(at, 36, 64)
		n, err2 := strconv.ParseInt(id, 36, 64)
		if err1 != nil || err2 != nil {
			return nil, "", refuse(codeToken, "The specified NextToken is not one that this request gave.")
		}
		list.After = &store.AlarmEvent{At: time.UnixMicro(us), ID: n}
	}
	page, err = s.DB.AlarmHistory(ctx, list)
	if len(page) > q.MaxRecords {
		page = page[:q.MaxRecords]
		last := page[len(page)-1]
		next = strconv.FormatInt(last.At.UnixMicro(), 36) + "-" + strconv.FormatInt(last.ID, 36)
	}
	return page, next, err
}
