package monitor

import (
	"context"
	"time"
)

const (
	day       = 24 * time.Hour
	tidyEvery = time.Hour

	historyAge = 30 * day // of alarms' histories
)

// retention is how long points of a span stay before they are merged into longer
// ones, as CloudWatch has it.
var retention = []struct {
	span, longer int64 // seconds
	age          time.Duration
}{
	{1, 60, 3 * time.Hour},
	{60, 300, 15 * day},
	{300, 3600, 63 * day},
	{3600, 0, 455 * day},
}

// tidy merges and removes what has become old.
func (s *Service) tidy(ctx context.Context, now time.Time) {
	report := func(what string, err error) {
		if err != nil && ctx.Err() == nil {
			s.Log.ErrorContext(ctx, what+" can't be tidied up", "error", err)
		}
	}
	for _, r := range retention {
		before := now.Add(-r.age).Unix()
		if r.longer > 0 {
			before -= before % r.longer // whole ones, which get no more
		}
		for more := true; more && ctx.Err() == nil; {
			var err error
			if more, err = s.DB.RollUpMetrics(ctx, r.span, r.longer, before, mergePoints); err != nil {
				report("metrics", err)
				return
			}
		}
	}
	report("metrics", s.DB.DropMetricSeries(ctx, now.Add(-retention[len(retention)-1].age).Unix()))
	report("the history of alarms", s.DB.DropAlarmHistory(ctx, now.Add(-historyAge)))
}
