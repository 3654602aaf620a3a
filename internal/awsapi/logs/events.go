package logs

import (
	"context"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/heliograph/heliograph/internal/errs"
	"github.com/heliograph/heliograph/internal/store"
)

const (
	maxEvents = 10_000
	maxPage   = 1 << 20 // bytes of messages in an answer, each counted with 26 more, as AWS does
	step      = 500     // events read from the store at once
)

type getEventsInput struct {
	group
	timeRange
	LogStreamName string `json:"logStreamName"`
	NextToken     string `json:"nextToken"`
	Limit         *int   `json:"limit"`
	StartFromHead bool   `json:"startFromHead"`
}

type getEventsOutput struct {
	Events            []event `json:"events"`
	NextForwardToken  string  `json:"nextForwardToken"`
	NextBackwardToken string  `json:"nextBackwardToken"`
}

type event struct {
	Timestamp     int64  `json:"timestamp"`
	Message       string `json:"message"`
	IngestionTime int64  `json:"ingestionTime"`
}

// gap is a place between two events of a stream: just before the event of that
// time and number, if there is or will be one. Tokens are gaps and a direction.
type gap struct{ at, seq int64 }

func (g gap) token(direction string) string { return fmt.Sprintf("%s/%d-%d", direction, g.at, g.seq) }

func parseGap(token string) (g gap, forward bool, err error) {
	direction, place, _ := strings.Cut(token, "/")
	atText, seqText, _ := strings.Cut(place, "-")
	at, atErr := strconv.ParseUint(atText, 10, 48)
	seq, seqErr := strconv.ParseUint(seqText, 10, 62)
	if direction != "f" && direction != "b" || atErr != nil || seqErr != nil {
		return g, false, invalid("The specified nextToken is invalid.")
	}
	return gap{int64(at), int64(seq)}, direction == "f", nil
}

func (a *api) getEvents(ctx context.Context, in *getEventsInput) (*getEventsOutput, error) {
	name, fault := in.group.name()
	if err := a.Authorizer.Authorize(ctx, "logs:GetLogEvents", a.groupARN(name, ":log-stream:"+in.LogStreamName)); err != nil {
		return nil, err
	}
	if fault != nil {
		return nil, fault
	}
	if in.LogStreamName == "" {
		return nil, invalid("1 validation error detected: Value null at 'logStreamName' failed to satisfy constraint: Member must not be null")
	}
	limit, err := limitOf(in.Limit, maxEvents)
	if err != nil {
		return nil, err
	}
	q := store.LogQuery{Group: name, Streams: []string{in.LogStreamName}, Backward: !in.StartFromHead}
	if q.Start, q.End, err = in.times(); err != nil {
		return nil, err
	}
	var here gap // where an empty page is
	if in.NextToken != "" {
		g, forward, err := parseGap(in.NextToken)
		if err != nil {
			return nil, err
		}
		here, q.Backward = g, !forward
		q.After = &store.LogEvent{At: time.UnixMilli(g.at), Stream: in.LogStreamName, Seq: g.seq}
		if forward {
			q.After.Seq--
		}
	} else if !q.Start.IsZero() {
		here.at = q.Start.UnixMilli()
	}
	events, err := a.page(ctx, q, limit)
	if err != nil {
		return nil, a.missing(ctx, name, err)
	}
	out := &getEventsOutput{Events: []event{}}
	begin, end := here, here
	for i, e := range events {
		if i == 0 {
			begin = gap{e.At.UnixMilli(), e.Seq}
		}
		end = gap{e.At.UnixMilli(), e.Seq + 1}
		out.Events = append(out.Events, event{e.At.UnixMilli(), e.Message, e.Ingested.UnixMilli()})
	}
	out.NextForwardToken, out.NextBackwardToken = end.token("f"), begin.token("b")
	return out, nil
}

// page reads up to limit events, and no more than an answer may hold, a step at
// a time, in the order of time whatever the direction.
func (a *api) page(ctx context.Context, q store.LogQuery, limit int) (events []store.LogEvent, err error) {
	size := 0
	for len(events) < limit {
		q.Limit = min(step, limit-len(events))
		part, err := a.Store.Logs(ctx, q)
		if err != nil {
			return nil, err
		}
		last := len(part) < q.Limit
		for i := range part {
			next := part[i]
			if q.Backward {
				next = part[len(part)-1-i]
			}
			if size += len(next.Message) + 26; size > maxPage && len(events) > 0 {
				last = true
				break
			}
			events = append(events, next)
		}
		if last {
			break
		}
		q.After = &events[len(events)-1]
	}
	if q.Backward {
		for i, j := 0, len(events)-1; i < j; i, j = i+1, j-1 {
			events[i], events[j] = events[j], events[i]
		}
	}
	return events, nil
}

// missing tells a stream that isn't there from a group that isn't.
func (a *api) missing(ctx context.Context, group string, err error) error {
	if errs.Is(err, errs.NotFound) {
		if _, gone := a.Store.LogStreams(ctx, group, "", "", 1); gone != nil {
			return gone
		}
	}
	return err
}
