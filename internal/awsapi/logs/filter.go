package logs

import (
	"cmp"
	"context"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"hash/fnv"
	"slices"
	"strings"
	"time"

	"github.com/heliograph/heliograph/internal/store"
)

const (
	maxStreams = 100     // names in one FilterLogEvents
	batch      = 500     // streams in one question to the store
	maxScan    = 100_000 // events looked at for one answer; then a token continues
)

type filterInput struct {
	group
	timeRange
	LogStreamNames      []string `json:"logStreamNames"`
	LogStreamNamePrefix string   `json:"logStreamNamePrefix"`
	FilterPattern       string   `json:"filterPattern"`
	NextToken           string   `json:"nextToken"`
	Limit               *int     `json:"limit"`
}

type filterOutput struct {
	Events             []filteredEvent `json:"events"`
	SearchedLogStreams []struct{}      `json:"searchedLogStreams"` // as AWS answers since 2019
	NextToken          string          `json:"nextToken,omitempty"`
}

type filteredEvent struct {
	LogStreamName string `json:"logStreamName"`
	Timestamp     int64  `json:"timestamp"`
	Message       string `json:"message"`
	IngestionTime int64  `json:"ingestionTime"`
	EventID       string `json:"eventId"`
}

func (a *api) filterEvents(ctx context.Context, in *filterInput) (*filterOutput, error) {
	name, fault := in.group.name()
	if err := a.Authorizer.Authorize(ctx, "logs:FilterLogEvents", a.groupARN(name, ":*")); err != nil {
		return nil, err
	}
	if fault != nil {
		return nil, fault
	}
	limit, err := limitOf(in.Limit, maxEvents)
	if err != nil {
		return nil, err
	}
	pattern, err := parsePattern(in.FilterPattern)
	if err != nil {
		return nil, err
	}
	q := store.LogQuery{Group: name}
	if q.Start, q.End, err = in.times(); err != nil {
		return nil, err
	}
	if !q.End.IsZero() {
		q.End = q.End.Add(time.Millisecond) // here, unlike in GetLogEvents, the end belongs to the range
	}
	if in.NextToken != "" {
		if q.After, err = parseEventToken(in.NextToken); err != nil {
			return nil, err
		}
	}
	streams, err := a.chosen(ctx, name, in, q)
	if err != nil {
		return nil, err
	}
	return a.filter(ctx, q, streams, pattern, limit)
}

// chosen returns the streams to look into.
func (a *api) chosen(ctx context.Context, group string, in *filterInput, q store.LogQuery) (names []string, err error) {
	if len(in.LogStreamNames) > 0 {
		if in.LogStreamNamePrefix != "" {
			return nil, invalid("Give either logStreamNames or logStreamNamePrefix, not both.")
		}
		if len(in.LogStreamNames) > maxStreams {
			return nil, invalid("1 validation error detected: Value at 'logStreamNames' failed to satisfy constraint: Member must have length less than or equal to %d", maxStreams)
		}
		names = slices.Compact(slices.Sorted(slices.Values(in.LogStreamNames)))
		q.Streams, q.Limit = names, 1
		if _, err := a.Store.Logs(ctx, q); err != nil { // all of them must exist
			return nil, a.missing(ctx, group, err)
		}
		return names, nil
	}
	streams, err := a.streams(ctx, group, in.LogStreamNamePrefix)
	if err != nil {
		return nil, err
	}
	from := q.Start
	if q.After != nil && q.After.At.After(from) {
		from = q.After.At
	}
	for _, s := range streams {
		if !s.Last.IsZero() && !s.Last.Before(from) && (q.End.IsZero() || s.First.Before(q.End)) {
			names = append(names, s.Name)
		}
	}
	return names, nil
}

// filter collects matching events of all the streams in the order of time.
func (a *api) filter(ctx context.Context, q store.LogQuery, streams []string, p pattern, limit int) (*filterOutput, error) {
	out := &filterOutput{Events: []filteredEvent{}, SearchedLogStreams: []struct{}{}}
	size := 0
	for scanned := 0; ; {
		part, more, err := a.merged(ctx, q, streams)
		if err != nil {
			return nil, err
		}
		for i := range part {
			e := part[i]
			matches := p.match(e.Message)
			full := len(out.Events) == limit || matches && size+len(e.Message)+26 > maxPage && len(out.Events) > 0
			if matches && full {
				out.NextToken = eventToken(q.After)
				return out, nil
			}
			q.After = &part[i]
			if matches {
				size += len(e.Message) + 26
				out.Events = append(out.Events, filteredEvent{e.Stream, e.At.UnixMilli(), e.Message, e.Ingested.UnixMilli(), eventID(e)})
			}
		}
		if !more {
			return out, nil
		}
		if scanned += len(part); scanned >= maxScan {
			out.NextToken = eventToken(q.After)
			return out, nil
		}
	}
}

// merged returns the next events of the streams, however many those are, and
// whether there may be more.
func (a *api) merged(ctx context.Context, q store.LogQuery, streams []string) (events []store.LogEvent, more bool, err error) {
	q.Limit = step
	for some := range slices.Chunk(streams, batch) {
		q.Streams = some
		part, err := a.Store.Logs(ctx, q)
		if err != nil {
			return nil, false, err
		}
		more = more || len(part) == step
		events = append(events, part...)
	}
	if len(streams) > batch {
		slices.SortFunc(events, func(x, y store.LogEvent) int {
			return cmp.Or(x.At.Compare(y.At), strings.Compare(x.Stream, y.Stream), cmp.Compare(x.Seq, y.Seq))
		})
	}
	if len(events) > step {
		events, more = events[:step], true
	}
	return events, more, nil
}

// eventID is unique within the group and the same whenever the event is read.
func eventID(e store.LogEvent) string {
	h := fnv.New64a()
	h.Write([]byte(e.Stream))
	return fmt.Sprintf("%016d%020d%020d", e.At.UnixMilli(), h.Sum64(), e.Seq)
}

// eventPlace is what a token keeps of the last event looked at.
type eventPlace struct {
	At     int64  `json:"t"`
	Stream string `json:"s"`
	Seq    int64  `json:"q"`
}

func eventToken(e *store.LogEvent) string {
	text, _ := json.Marshal(eventPlace{e.At.UnixMilli(), e.Stream, e.Seq}) // strings and numbers always encode
	return base64.RawURLEncoding.EncodeToString(text)
}

func parseEventToken(s string) (*store.LogEvent, error) {
	var p eventPlace
	text, err := base64.RawURLEncoding.DecodeString(s)
	if err != nil || len(text) > 4096 || json.Unmarshal(text, &p) != nil || p.At < 0 || p.At > 1<<48 {
		return nil, invalid("The specified nextToken is invalid.")
	}
	return &store.LogEvent{At: time.UnixMilli(p.At), Stream: p.Stream, Seq: p.Seq}, nil
}
