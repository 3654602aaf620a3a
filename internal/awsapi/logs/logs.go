// Package logs speaks CloudWatch Logs (Logs_20140328, JSON 1.1) over the log
// streams of the store, for reading only: DescribeLogGroups, DescribeLogStreams,
// GetLogEvents and FilterLogEvents.
//
// Events come in the order of their time and, within a millisecond, of their
// arrival, the same order whenever they are asked for. A token stays valid while
// the stream grows, and following nextForwardToken misses no event and repeats
// none.
package logs

import (
	"context"
	"net/http"
	"strings"
	"time"

	"github.com/heliograph/heliograph/internal/awsapi/wire"
	"github.com/heliograph/heliograph/internal/errs"
	"github.com/heliograph/heliograph/internal/store"
)

// Store is where log streams are; *store.DB is one.
type Store interface {
	LogGroups(ctx context.Context, prefix string) ([]string, error)
	LogStreams(ctx context.Context, group, prefix, after string, limit int) ([]store.LogStream, error)
	Logs(ctx context.Context, q store.LogQuery) ([]store.LogEvent, error)
}

// Authorizer decides whether the principal of ctx may perform an action.
type Authorizer interface {
	Authorize(ctx context.Context, action, resource string) error
}

// Options are what the handler is made of. All but Wire are required.
type Options struct {
	Store      Store
	Authorizer Authorizer
	Region     string
	AccountID  string
	Wire       wire.Options
}

// New returns the handler of the service.
func New(o Options) http.Handler {
	a := &api{o}
	return wire.NewJSON("Logs_20140328", "1.1", map[string]wire.Operation{
		"DescribeLogGroups":  wire.Op(a.describeGroups),
		"DescribeLogStreams": wire.Op(a.describeStreams),
		"GetLogEvents":       wire.Op(a.getEvents),
		"FilterLogEvents":    wire.Op(a.filterEvents),
	}, o.Wire)
}

type api struct{ Options }

// groupARN is the group as a resource of policies; what is :* or a stream.
func (a *api) groupARN(group, what string) string {
	return "arn:aws:logs:" + a.Region + ":" + a.AccountID + ":log-group:" + group + what
}

// group is how operations name a log group: by name, or by name or ARN.
type group struct {
	LogGroupName       string `json:"logGroupName"`
	LogGroupIdentifier string `json:"logGroupIdentifier"`
}

func (g group) name() (string, error) {
	name := g.LogGroupName
	switch {
	case name != "" && g.LogGroupIdentifier != "":
		return "", invalid("Give either logGroupName or logGroupIdentifier, not both.")
	case name == "":
		name = g.LogGroupIdentifier
		if _, of, ok := strings.Cut(name, ":log-group:"); ok && strings.HasPrefix(name, "arn:") {
			name = strings.TrimSuffix(of, ":*")
		}
	}
	switch {
	case name == "":
		return "", invalid("1 validation error detected: Value null at 'logGroupName' failed to satisfy constraint: Member must not be null")
	case len(name) > 512:
		return "", invalid("1 validation error detected: Value at 'logGroupName' failed to satisfy constraint: Member must have length less than or equal to 512")
	}
	return name, nil
}

func invalid(format string, args ...any) error {
	return errs.New(errs.Invalid, "InvalidParameterException", format, args...)
}

// limitOf checks a limit and fills in its default, which is also the most.
func limitOf(limit *int, most int) (int, error) {
	switch {
	case limit == nil:
		return most, nil
	case *limit < 1:
		return 0, invalid("1 validation error detected: Value '%d' at 'limit' failed to satisfy constraint: Member must have value greater than or equal to 1", *limit)
	case *limit > most:
		return 0, invalid("1 validation error detected: Value '%d' at 'limit' failed to satisfy constraint: Member must have value less than or equal to %d", *limit, most)
	}
	return *limit, nil
}

// millis is a time of a request, in milliseconds since 1970; nil is no bound.
func millis(ms *int64, member string) (time.Time, error) {
	const most = 253402300799999 // the year 9999
	switch {
	case ms == nil:
		return time.Time{}, nil
	case *ms < 0 || *ms > most:
		return time.Time{}, invalid("1 validation error detected: Value '%d' at '%s' failed to satisfy constraint: Member must have value greater than or equal to 0", *ms, member)
	}
	return time.UnixMilli(*ms), nil
}

// range of events to look at.
type timeRange struct {
	StartTime *int64 `json:"startTime"`
	EndTime   *int64 `json:"endTime"`
}

func (r timeRange) times() (start, end time.Time, err error) {
	if start, err = millis(r.StartTime, "startTime"); err != nil {
		return start, end, err
	}
	end, err = millis(r.EndTime, "endTime")
	return start, end, err
}
