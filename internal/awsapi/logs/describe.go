package logs

import (
	"cmp"
	"context"
	"encoding/base64"
	"encoding/json"
	"slices"
	"strings"
	"time"

	"github.com/heliograph/heliograph/internal/store"
)

type describeGroupsInput struct {
	LogGroupNamePrefix  string `json:"logGroupNamePrefix"`
	LogGroupNamePattern string `json:"logGroupNamePattern"`
	Limit               *int   `json:"limit"`
	NextToken           string `json:"nextToken"`
}

type describeGroupsOutput struct {
	LogGroups []logGroup `json:"logGroups"`
	NextToken string     `json:"nextToken,omitempty"`
}

type logGroup struct {
	LogGroupName      string `json:"logGroupName"`
	ARN               string `json:"arn"`
	LogGroupARN       string `json:"logGroupArn"`
	LogGroupClass     string `json:"logGroupClass"`
	MetricFilterCount int    `json:"metricFilterCount"`
	StoredBytes       int64  `json:"storedBytes"`
}

func (a *api) describeGroups(ctx context.Context, in *describeGroupsInput) (*describeGroupsOutput, error) {
	if err := a.Authorizer.Authorize(ctx, "logs:DescribeLogGroups", a.groupARN(in.LogGroupNamePrefix, "*")); err != nil {
		return nil, err
	}
	limit, err := limitOf(in.Limit, 50)
	if err != nil {
		return nil, err
	}
	if in.LogGroupNamePrefix != "" && in.LogGroupNamePattern != "" {
		return nil, invalid("LogGroup name prefix and LogGroup name pattern are mutually exclusive parameters.")
	}
	names, err := a.Store.LogGroups(ctx, in.LogGroupNamePrefix)
	if err != nil {
		return nil, err
	}
	var after streamToken
	if in.NextToken != "" {
		if after, err = parseStreamToken(in.NextToken); err != nil {
			return nil, err
		}
	}
	out := &describeGroupsOutput{LogGroups: []logGroup{}}
	pattern := strings.ToLower(in.LogGroupNamePattern)
	for _, name := range names {
		if name <= after.Name || !strings.Contains(strings.ToLower(name), pattern) {
			continue
		}
		if len(out.LogGroups) == limit {
			out.NextToken = streamToken{Name: out.LogGroups[limit-1].LogGroupName}.String()
			break
		}
		out.LogGroups = append(out.LogGroups, logGroup{LogGroupName: name, ARN: a.groupARN(name, ":*"), LogGroupARN: a.groupARN(name, ""), LogGroupClass: "STANDARD"})
	}
	return out, nil
}

type describeStreamsInput struct {
	group
	LogStreamNamePrefix string `json:"logStreamNamePrefix"`
	OrderBy             string `json:"orderBy"`
	Descending          bool   `json:"descending"`
	Limit               *int   `json:"limit"`
	NextToken           string `json:"nextToken"`
}

type describeStreamsOutput struct {
	LogStreams []logStream `json:"logStreams"`
	// NextToken is only there if there is more: the SageMaker Python SDK asks
	// again and again while it sees one.
	NextToken string `json:"nextToken,omitempty"`
}

type logStream struct {
	LogStreamName       string `json:"logStreamName"`
	CreationTime        int64  `json:"creationTime"`
	FirstEventTimestamp int64  `json:"firstEventTimestamp,omitempty"`
	LastEventTimestamp  int64  `json:"lastEventTimestamp,omitempty"`
	LastIngestionTime   int64  `json:"lastIngestionTime,omitempty"`
	ARN                 string `json:"arn"`
	StoredBytes         int64  `json:"storedBytes"`
}

func (a *api) describeStreams(ctx context.Context, in *describeStreamsInput) (*describeStreamsOutput, error) {
	name, fault := in.group.name()
	if err := a.Authorizer.Authorize(ctx, "logs:DescribeLogStreams", a.groupARN(name, ":*")); err != nil {
		return nil, err
	}
	if fault != nil {
		return nil, fault
	}
	limit, err := limitOf(in.Limit, 50)
	if err != nil {
		return nil, err
	}
	byTime := in.OrderBy == "LastEventTime"
	if !byTime && in.OrderBy != "" && in.OrderBy != "LogStreamName" {
		return nil, invalid("1 validation error detected: Value '%s' at 'orderBy' failed to satisfy constraint: Member must satisfy enum value set: [LogStreamName, LastEventTime]", in.OrderBy)
	}
	if byTime && in.LogStreamNamePrefix != "" {
		return nil, invalid("Cannot order by LastEventTime with a logStreamNamePrefix.")
	}
	var after *streamToken
	if in.NextToken != "" {
		token, err := parseStreamToken(in.NextToken)
		if err != nil {
			return nil, err
		}
		after = &token
	}
	var streams []store.LogStream
	if byTime || in.Descending {
		streams, err = a.sorted(ctx, name, in.LogStreamNamePrefix, byTime, in.Descending, after, limit+1)
	} else {
		from := ""
		if after != nil {
			from = after.Name
		}
		streams, err = a.Store.LogStreams(ctx, name, in.LogStreamNamePrefix, from, limit+1)
	}
	if err != nil {
		return nil, err
	}
	out := &describeStreamsOutput{LogStreams: []logStream{}}
	for i, s := range streams {
		if i == limit {
			out.NextToken = tokenOf(streams[i-1]).String()
			break
		}
		out.LogStreams = append(out.LogStreams, logStream{
			LogStreamName: s.Name, CreationTime: s.Created.UnixMilli(),
			FirstEventTimestamp: milli(s.First), LastEventTimestamp: milli(s.Last), LastIngestionTime: milli(s.Ingested),
			ARN: a.groupARN(name, ":log-stream:"+s.Name),
		})
	}
	return out, nil
}

func milli(t time.Time) int64 {
	if t.IsZero() {
		return 0
	}
	return t.UnixMilli()
}

// sorted returns up to limit streams that come after a token in an order that
// the store doesn't keep.
func (a *api) sorted(ctx context.Context, group, prefix string, byTime, descending bool, after *streamToken, limit int) ([]store.LogStream, error) {
	streams, err := a.streams(ctx, group, prefix)
	if err != nil {
		return nil, err
	}
	compare := func(x, y streamToken) int {
		order := strings.Compare(x.Name, y.Name)
		if byTime {
			order = cmp.Or(cmp.Compare(x.Last, y.Last), order)
		}
		if descending {
			order = -order
		}
		return order
	}
	slices.SortFunc(streams, func(x, y store.LogStream) int { return compare(tokenOf(x), tokenOf(y)) })
	if after != nil {
		streams = slices.DeleteFunc(streams, func(s store.LogStream) bool { return compare(tokenOf(s), *after) <= 0 })
	}
	return streams[:min(limit, len(streams))], nil
}

// streams returns all streams of a group whose names start with prefix, by name.
func (a *api) streams(ctx context.Context, group, prefix string) (all []store.LogStream, err error) {
	const step = 1000
	for after := ""; ; after = all[len(all)-1].Name {
		page, err := a.Store.LogStreams(ctx, group, prefix, after, step)
		if err != nil {
			return nil, err
		}
		all = append(all, page...)
		if len(page) < step {
			return all, nil
		}
	}
}

// streamToken is where a page of names ended.
type streamToken struct {
	Name string `json:"n"`
	Last int64  `json:"t,omitempty"`
}

func tokenOf(s store.LogStream) streamToken { return streamToken{s.Name, milli(s.Last)} }

func (t streamToken) String() string {
	text, _ := json.Marshal(t) // strings and numbers always encode
	return base64.RawURLEncoding.EncodeToString(text)
}

func parseStreamToken(s string) (t streamToken, err error) {
	text, err := base64.RawURLEncoding.DecodeString(s)
	if err != nil || len(text) > 4096 || json.Unmarshal(text, &t) != nil {
		return t, invalid("The specified nextToken is invalid.")
	}
	return t, nil
}
