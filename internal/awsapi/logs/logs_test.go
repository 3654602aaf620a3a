package logs_test

import (
	"context"
	"errors"
	"fmt"
	"net/http/httptest"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatchlogs"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatchlogs/types"
	"github.com/aws/smithy-go"

	"github.com/heliograph/heliograph/internal/awsapi/logs"
	"github.com/heliograph/heliograph/internal/errs"
	"github.com/heliograph/heliograph/internal/store"
)

const group = "/aws/sagemaker/TrainingJobs"

// everyone lets everything pass but the action it names.
type everyone struct{ but string }

func (e everyone) Authorize(_ context.Context, action, resource string) error {
	if action == e.but {
		return errs.New(errs.Denied, "AccessDeniedException", "not %s on %s", action, resource)
	}
	return nil
}

// begin is the time of the first event in every test.
var begin = time.UnixMilli(1_767_225_600_000)

func newClient(t *testing.T, access logs.Authorizer) (*cloudwatchlogs.Client, *store.DB) {
	t.Helper()
	db, err := store.Open(t.Context(), filepath.Join(t.TempDir(), "db"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { db.Close() })
	server := httptest.NewServer(logs.New(logs.Options{Store: db, Authorizer: access, Region: "us-east-1", AccountID: "000000000000"}))
	t.Cleanup(server.Close)
	return cloudwatchlogs.New(cloudwatchlogs.Options{
		BaseEndpoint: &server.URL, Region: "us-east-1", RetryMaxAttempts: 1,
		Credentials: credentials.NewStaticCredentialsProvider("id", "secret", ""),
	}), db
}

// write appends lines that are gapMillis apart; 0 gives all the same time.
func write(t *testing.T, db *store.DB, stream string, from time.Time, gapMillis int, lines ...string) {
	t.Helper()
	events := make([]store.LogEvent, len(lines))
	for i, line := range lines {
		events[i] = store.LogEvent{At: from.Add(time.Duration(i*gapMillis) * time.Millisecond), Message: line}
	}
	if err := db.AppendLog(t.Context(), group, stream, events); err != nil {
		t.Fatal(err)
	}
}

func numbered(n int) (lines []string) {
	for i := range n {
		lines = append(lines, fmt.Sprintf("line %d", i))
	}
	return lines
}

func get(t *testing.T, c *cloudwatchlogs.Client, in cloudwatchlogs.GetLogEventsInput) (*cloudwatchlogs.GetLogEventsOutput, []string) {
	t.Helper()
	in.LogGroupName = aws.String(group)
	if in.LogStreamName == nil {
		in.LogStreamName = aws.String("job/algo-1-1")
	}
	out, err := c.GetLogEvents(t.Context(), &in)
	if err != nil {
		t.Fatal(err)
	}
	var lines []string
	for _, e := range out.Events {
		lines = append(lines, aws.ToString(e.Message))
	}
	return out, lines
}

// A reader that follows nextForwardToken sees each line once, in order, although
// the stream grows meanwhile, many lines have one time and pages end among them.
func TestFollow(t *testing.T) {
	t.Parallel()
	c, db := newClient(t, everyone{})
	all := numbered(1203)
	write(t, db, "job/algo-1-1", begin, 0, all[:1000]...)
	in := cloudwatchlogs.GetLogEventsInput{StartFromHead: aws.Bool(true), Limit: aws.Int32(7)}
	var seen []string
	follow := func() {
		for {
			out, lines := get(t, c, in)
			if len(lines) == 0 {
				if aws.ToString(out.NextForwardToken) != aws.ToString(in.NextToken) {
					t.Errorf("at the end the token changes from %s to %s", aws.ToString(in.NextToken), aws.ToString(out.NextForwardToken))
				}
				return
			}
			seen = append(seen, lines...)
			in.NextToken = out.NextForwardToken
		}
	}
	follow()
	write(t, db, "job/algo-1-1", begin, 0, all[1000:1100]...)
	write(t, db, "job/algo-1-1", begin.Add(time.Second), 1, all[1100:]...)
	follow()
	if !slices.Equal(seen, all) {
		t.Errorf("saw %d lines of %d, or in another order", len(seen), len(all))
	}
}

// The SageMaker Python SDK's way: ask again from the last time, and skip what
// of that time was seen.
func TestResumeByTime(t *testing.T) {
	t.Parallel()
	c, db := newClient(t, everyone{})
	write(t, db, "job/algo-1-1", begin, 0, "a", "b")
	write(t, db, "job/algo-1-1", begin.Add(time.Millisecond), 0, "c", "d")
	_, first := get(t, c, cloudwatchlogs.GetLogEventsInput{StartFromHead: aws.Bool(true), StartTime: aws.Int64(0)})
	write(t, db, "job/algo-1-1", begin.Add(time.Millisecond), 0, "e")
	out, again := get(t, c, cloudwatchlogs.GetLogEventsInput{StartFromHead: aws.Bool(true), StartTime: aws.Int64(begin.UnixMilli() + 1)})
	if got := strings.Join(first, "") + "|" + strings.Join(again, ""); got != "abcd|cde" {
		t.Errorf("%s", got)
	}
	if _, lines := get(t, c, cloudwatchlogs.GetLogEventsInput{StartFromHead: aws.Bool(true), NextToken: out.NextForwardToken}); len(lines) != 0 {
		t.Errorf("after the end come %v", lines)
	}
}

func TestGetLogEvents(t *testing.T) {
	t.Parallel()
	c, db := newClient(t, everyone{})
	write(t, db, "job/algo-1-1", begin, 10, numbered(10)...)
	write(t, db, "empty", begin, 0)
	ms := begin.UnixMilli()
	for _, q := range []struct {
		name string
		in   cloudwatchlogs.GetLogEventsInput
		want string
	}{
		{"tail", cloudwatchlogs.GetLogEventsInput{Limit: aws.Int32(2)}, "line 8,line 9"},
		{"head", cloudwatchlogs.GetLogEventsInput{Limit: aws.Int32(2), StartFromHead: aws.Bool(true)}, "line 0,line 1"},
		{"start", cloudwatchlogs.GetLogEventsInput{StartTime: aws.Int64(ms + 80)}, "line 8,line 9"},
		{"end is open", cloudwatchlogs.GetLogEventsInput{EndTime: aws.Int64(ms + 20)}, "line 0,line 1"},
		{"nothing then", cloudwatchlogs.GetLogEventsInput{StartTime: aws.Int64(ms + 1000)}, ""},
		{"empty stream", cloudwatchlogs.GetLogEventsInput{LogStreamName: aws.String("empty")}, ""},
	} {
		out, lines := get(t, c, q.in)
		if got := strings.Join(lines, ","); got != q.want {
			t.Errorf("%s: %s, want %s", q.name, got, q.want)
		}
		if out.NextForwardToken == nil || out.NextBackwardToken == nil {
			t.Errorf("%s: no tokens", q.name)
		}
	}

	// Backwards to the beginning, where the token stays, and forwards again.
	out, lines := get(t, c, cloudwatchlogs.GetLogEventsInput{Limit: aws.Int32(4)})
	var back []string
	for {
		back = append(slices.Clone(lines), back...)
		token := out.NextBackwardToken
		if out, lines = get(t, c, cloudwatchlogs.GetLogEventsInput{Limit: aws.Int32(4), NextToken: token}); len(lines) == 0 {
			if aws.ToString(out.NextBackwardToken) != aws.ToString(token) {
				t.Errorf("at the beginning the token changes from %s to %s", *token, *out.NextBackwardToken)
			}
			break
		}
	}
	if !slices.Equal(back, numbered(10)) {
		t.Errorf("backwards: %v", back)
	}
	if _, lines = get(t, c, cloudwatchlogs.GetLogEventsInput{Limit: aws.Int32(3), NextToken: out.NextForwardToken}); !slices.Equal(lines, numbered(3)) {
		t.Errorf("forwards from the beginning: %v", lines)
	}

	// Whoever waits at an empty stream sees its first line.
	out, _ = get(t, c, cloudwatchlogs.GetLogEventsInput{LogStreamName: aws.String("empty"), StartFromHead: aws.Bool(true)})
	write(t, db, "empty", begin, 0, "first")
	if _, lines = get(t, c, cloudwatchlogs.GetLogEventsInput{LogStreamName: aws.String("empty"), NextToken: out.NextForwardToken}); !slices.Equal(lines, []string{"first"}) {
		t.Errorf("the first line: %v", lines)
	}
}

// An answer holds a megabyte; the rest comes with the token.
func TestLargeEvents(t *testing.T) {
	t.Parallel()
	c, db := newClient(t, everyone{})
	for i := range 12 {
		write(t, db, "job/algo-1-1", begin.Add(time.Duration(i)*time.Second), 0, strings.Repeat(string(rune('a'+i)), 250<<10))
	}
	var seen strings.Builder
	in := cloudwatchlogs.GetLogEventsInput{StartFromHead: aws.Bool(true)}
	for range 12 {
		out, lines := get(t, c, in)
		if len(lines) > 4 {
			t.Errorf("%d events of 250 KiB in one answer", len(lines))
		}
		for _, l := range lines {
			seen.WriteByte(l[0])
		}
		in.NextToken = out.NextForwardToken
	}
	if seen.String() != "abcdefghijkl" {
		t.Errorf("saw %s", seen.String())
	}
}

func TestDescribe(t *testing.T) {
	t.Parallel()
	c, db := newClient(t, everyone{})
	ctx := t.Context()
	_, err := c.DescribeLogStreams(ctx, &cloudwatchlogs.DescribeLogStreamsInput{LogGroupName: aws.String(group)})
	if missing, ok := errors.AsType[*types.ResourceNotFoundException](err); !ok || missing.ErrorMessage() != "The specified log group does not exist." {
		t.Errorf("without the group: %v", err)
	}
	write(t, db, "b/1", begin, 10, "x", "y")
	write(t, db, "a/1", begin.Add(time.Second), 0, "x")
	write(t, db, "b/2", begin.Add(-time.Second), 0, "x")
	write(t, db, "c", begin, 0)
	if err := db.AppendLog(ctx, "/aws/sagemaker/Endpoints/e", "s", nil); err != nil {
		t.Fatal(err)
	}
	for _, q := range []struct {
		name string
		in   cloudwatchlogs.DescribeLogStreamsInput
		want string // names of the pages
	}{
		{"all", cloudwatchlogs.DescribeLogStreamsInput{}, "a/1 b/1 b/2 c"},
		{"prefix", cloudwatchlogs.DescribeLogStreamsInput{LogStreamNamePrefix: aws.String("b/")}, "b/1 b/2"},
		{"a page that is just full", cloudwatchlogs.DescribeLogStreamsInput{LogStreamNamePrefix: aws.String("b/"), Limit: aws.Int32(2)}, "b/1 b/2"},
		{"pages", cloudwatchlogs.DescribeLogStreamsInput{Limit: aws.Int32(3)}, "a/1 b/1 b/2|c"},
		{"descending", cloudwatchlogs.DescribeLogStreamsInput{Descending: aws.Bool(true), Limit: aws.Int32(2)}, "c b/2|b/1 a/1"},
		{"by time", cloudwatchlogs.DescribeLogStreamsInput{OrderBy: types.OrderByLastEventTime, Limit: aws.Int32(3)}, "c b/2 b/1|a/1"},
		{"newest", cloudwatchlogs.DescribeLogStreamsInput{OrderBy: types.OrderByLastEventTime, Descending: aws.Bool(true), Limit: aws.Int32(1)}, "a/1|b/1|b/2|c"},
		{"by ARN", cloudwatchlogs.DescribeLogStreamsInput{LogGroupIdentifier: aws.String("arn:aws:logs:us-east-1:000000000000:log-group:" + group)}, "a/1 b/1 b/2 c"},
	} {
		if q.in.LogGroupIdentifier == nil {
			q.in.LogGroupName = aws.String(group)
		}
		var pages []string
		for {
			out, err := c.DescribeLogStreams(ctx, &q.in)
			if err != nil {
				t.Fatalf("%s: %v", q.name, err)
			}
			var names []string
			for _, s := range out.LogStreams {
				names = append(names, aws.ToString(s.LogStreamName))
			}
			pages = append(pages, strings.Join(names, " "))
			if q.in.NextToken = out.NextToken; q.in.NextToken == nil {
				break
			}
		}
		if got := strings.Join(pages, "|"); got != q.want {
			t.Errorf("%s: %s, want %s", q.name, got, q.want)
		}
	}
	out, err := c.DescribeLogStreams(ctx, &cloudwatchlogs.DescribeLogStreamsInput{LogGroupName: aws.String(group), LogStreamNamePrefix: aws.String("b/1")})
	if err != nil {
		t.Fatal(err)
	}
	if s := out.LogStreams[0]; aws.ToInt64(s.FirstEventTimestamp) != begin.UnixMilli() || aws.ToInt64(s.LastEventTimestamp) != begin.UnixMilli()+10 ||
		aws.ToInt64(s.CreationTime) == 0 || aws.ToString(s.Arn) != "arn:aws:logs:us-east-1:000000000000:log-group:"+group+":log-stream:b/1" {
		t.Errorf("%+v", s)
	}

	groups, err := c.DescribeLogGroups(ctx, &cloudwatchlogs.DescribeLogGroupsInput{Limit: aws.Int32(1)})
	if err != nil || len(groups.LogGroups) != 1 || aws.ToString(groups.LogGroups[0].LogGroupName) != "/aws/sagemaker/Endpoints/e" {
		t.Fatalf("%+v, %v", groups, err)
	}
	groups, err = c.DescribeLogGroups(ctx, &cloudwatchlogs.DescribeLogGroupsInput{Limit: aws.Int32(1), NextToken: groups.NextToken})
	if err != nil || len(groups.LogGroups) != 1 || aws.ToString(groups.LogGroups[0].LogGroupName) != group || groups.NextToken != nil {
		t.Fatalf("%+v, %v", groups, err)
	}
	groups, err = c.DescribeLogGroups(ctx, &cloudwatchlogs.DescribeLogGroupsInput{LogGroupNamePattern: aws.String("training")})
	if err != nil || len(groups.LogGroups) != 1 || aws.ToString(groups.LogGroups[0].LogGroupName) != group {
		t.Fatalf("%+v, %v", groups, err)
	}
}

func TestFilter(t *testing.T) {
	t.Parallel()
	c, db := newClient(t, everyone{})
	ms := begin.UnixMilli()
	write(t, db, "a/1", begin, 10, "ERROR one", "fine", "WARNING two")                                           // at 0, 10, 20
	write(t, db, "b/1", begin.Add(5*time.Millisecond), 10, "ERROR timeout", "#train_accuracy: 0.98", `say "hi"`) // at 5, 15, 25
	for _, q := range []struct {
		name string
		in   cloudwatchlogs.FilterLogEventsInput
		want string
	}{
		{"all in order of time", cloudwatchlogs.FilterLogEventsInput{}, `ERROR one|ERROR timeout|fine|#train_accuracy: 0.98|WARNING two|say "hi"`},
		{"a term", cloudwatchlogs.FilterLogEventsInput{FilterPattern: aws.String("ERROR")}, "ERROR one|ERROR timeout"},
		{"two terms", cloudwatchlogs.FilterLogEventsInput{FilterPattern: aws.String(" ERROR  one ")}, "ERROR one"},
		{"a phrase", cloudwatchlogs.FilterLogEventsInput{FilterPattern: aws.String(`"#train_accuracy: "`)}, "#train_accuracy: 0.98"},
		{"a quote", cloudwatchlogs.FilterLogEventsInput{FilterPattern: aws.String(`"\"hi\""`)}, `say "hi"`},
		{"either", cloudwatchlogs.FilterLogEventsInput{FilterPattern: aws.String("?WARNING ?fine")}, "fine|WARNING two"},
		{"not", cloudwatchlogs.FilterLogEventsInput{FilterPattern: aws.String("ERROR -timeout")}, "ERROR one"},
		{"case counts", cloudwatchlogs.FilterLogEventsInput{FilterPattern: aws.String("error")}, ""},
		{"streams", cloudwatchlogs.FilterLogEventsInput{LogStreamNames: []string{"b/1", "b/1"}}, `ERROR timeout|#train_accuracy: 0.98|say "hi"`},
		{"prefix", cloudwatchlogs.FilterLogEventsInput{LogStreamNamePrefix: aws.String("a/")}, "ERROR one|fine|WARNING two"},
		{"time, its end included", cloudwatchlogs.FilterLogEventsInput{StartTime: aws.Int64(ms + 10), EndTime: aws.Int64(ms + 20)}, "fine|#train_accuracy: 0.98|WARNING two"},
		{"no stream of that prefix", cloudwatchlogs.FilterLogEventsInput{LogStreamNamePrefix: aws.String("z")}, ""},
	} {
		for _, limit := range []int32{0, 1, 2} {
			in := q.in
			in.LogGroupName = aws.String(group)
			if limit > 0 {
				in.Limit = aws.Int32(limit)
			}
			var seen, ids []string
			for {
				out, err := c.FilterLogEvents(t.Context(), &in)
				if err != nil {
					t.Fatalf("%s: %v", q.name, err)
				}
				for _, e := range out.Events {
					seen, ids = append(seen, aws.ToString(e.Message)), append(ids, aws.ToString(e.EventId))
					if e.LogStreamName == nil || aws.ToInt64(e.Timestamp) < ms || aws.ToInt64(e.IngestionTime) == 0 {
						t.Errorf("%s: %+v", q.name, e)
					}
				}
				if limit > 0 && len(out.Events) > int(limit) {
					t.Errorf("%s: %d events with limit %d", q.name, len(out.Events), limit)
				}
				if in.NextToken = out.NextToken; in.NextToken == nil {
					break
				}
			}
			if got := strings.Join(seen, "|"); got != q.want {
				t.Errorf("%s, limit %d: %s\nwant %s", q.name, limit, got, q.want)
			}
			slices.Sort(ids)
			if len(slices.Compact(ids)) != len(seen) {
				t.Errorf("%s: event ids repeat: %v", q.name, ids)
			}
		}
	}
}

// More streams than one question to the store takes are merged by time.
func TestFilterManyStreams(t *testing.T) {
	t.Parallel()
	c, db := newClient(t, everyone{})
	const n = 1100
	err := db.Tx(t.Context(), func(ctx context.Context) error {
		for i := range n {
			// Streams in the order of names have their events in the reverse order of time.
			event := store.LogEvent{At: begin.Add(time.Duration(n-i) * time.Millisecond), Message: fmt.Sprint(n - i)}
			if err := db.AppendLog(ctx, group, fmt.Sprintf("s%04d", i), []store.LogEvent{event}); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	pages := cloudwatchlogs.NewFilterLogEventsPaginator(c, &cloudwatchlogs.FilterLogEventsInput{LogGroupName: aws.String(group), Limit: aws.Int32(400)})
	want := 1
	for pages.HasMorePages() {
		page, err := pages.NextPage(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		for _, e := range page.Events {
			if got := aws.ToString(e.Message); got != fmt.Sprint(want) {
				t.Fatalf("event %s where %d belongs", got, want)
			}
			want++
		}
	}
	if want != n+1 {
		t.Errorf("saw %d events of %d", want-1, n)
	}
}

func TestErrors(t *testing.T) {
	t.Parallel()
	c, db := newClient(t, everyone{})
	write(t, db, "s", begin, 0, "x")
	get := func(in cloudwatchlogs.GetLogEventsInput) error {
		_, err := c.GetLogEvents(t.Context(), &in)
		return err
	}
	filter := func(in cloudwatchlogs.FilterLogEventsInput) error {
		in.LogGroupName = aws.String(group)
		_, err := c.FilterLogEvents(t.Context(), &in)
		return err
	}
	g, s := aws.String(group), aws.String("s")
	for _, q := range []struct {
		name, code, message string
		err                 error
	}{
		{"group", "ResourceNotFoundException", "The specified log group does not exist.", get(cloudwatchlogs.GetLogEventsInput{LogGroupName: aws.String("/no"), LogStreamName: s})},
		{"stream", "ResourceNotFoundException", "The specified log stream does not exist.", get(cloudwatchlogs.GetLogEventsInput{LogGroupName: g, LogStreamName: aws.String("no")})},
		{"limit", "InvalidParameterException", "1 validation error detected: Value '10001' at 'limit' failed to satisfy constraint: Member must have value less than or equal to 10000",
			get(cloudwatchlogs.GetLogEventsInput{LogGroupName: g, LogStreamName: s, Limit: aws.Int32(10001)})},
		{"token", "InvalidParameterException", "The specified nextToken is invalid.", get(cloudwatchlogs.GetLogEventsInput{LogGroupName: g, LogStreamName: s, NextToken: aws.String("f/x")})},
		{"no group", "InvalidParameterException", "1 validation error detected: Value null at 'logGroupName' failed to satisfy constraint: Member must not be null",
			get(cloudwatchlogs.GetLogEventsInput{LogStreamName: s})},
		{"time", "InvalidParameterException", "1 validation error detected: Value '-1' at 'startTime' failed to satisfy constraint: Member must have value greater than or equal to 0",
			get(cloudwatchlogs.GetLogEventsInput{LogGroupName: g, LogStreamName: s, StartTime: aws.Int64(-1)})},
		{"filter token", "InvalidParameterException", "The specified nextToken is invalid.", filter(cloudwatchlogs.FilterLogEventsInput{NextToken: aws.String("?")})},
		{"open quote", "InvalidParameterException", "Invalid filter pattern: a quote is never closed.", filter(cloudwatchlogs.FilterLogEventsInput{FilterPattern: aws.String(`"x`)})},
		{"lone minus", "InvalidParameterException", "Invalid filter pattern: a term is empty.", filter(cloudwatchlogs.FilterLogEventsInput{FilterPattern: aws.String("a - b")})},
		{"JSON", "InvalidParameterException", "Invalid filter pattern: JSON, space-delimited and regular expression patterns are not offered. Use plain terms, \"quoted phrases\", ?a ?b for either and -x for not.",
			filter(cloudwatchlogs.FilterLogEventsInput{FilterPattern: aws.String("{ $.a = 1 }")})},
		{"names and prefix", "InvalidParameterException", "Give either logStreamNames or logStreamNamePrefix, not both.",
			filter(cloudwatchlogs.FilterLogEventsInput{LogStreamNames: []string{"s"}, LogStreamNamePrefix: s})},
		{"filter stream", "ResourceNotFoundException", "The specified log stream does not exist.", filter(cloudwatchlogs.FilterLogEventsInput{LogStreamNames: []string{"no"}})},
	} {
		e, ok := errors.AsType[smithy.APIError](q.err)
		if !ok || e.ErrorCode() != q.code || e.ErrorMessage() != q.message {
			t.Errorf("%s: %v\nwant %s: %s", q.name, q.err, q.code, q.message)
		}
	}
}

func TestEveryOperationAsks(t *testing.T) {
	t.Parallel()
	for action, call := range map[string]func(*cloudwatchlogs.Client, context.Context) error{
		"logs:DescribeLogGroups": func(c *cloudwatchlogs.Client, ctx context.Context) error {
			_, err := c.DescribeLogGroups(ctx, &cloudwatchlogs.DescribeLogGroupsInput{})
			return err
		},
		"logs:DescribeLogStreams": func(c *cloudwatchlogs.Client, ctx context.Context) error {
			_, err := c.DescribeLogStreams(ctx, &cloudwatchlogs.DescribeLogStreamsInput{LogGroupName: aws.String(group)})
			return err
		},
		"logs:GetLogEvents": func(c *cloudwatchlogs.Client, ctx context.Context) error {
			_, err := c.GetLogEvents(ctx, &cloudwatchlogs.GetLogEventsInput{LogGroupName: aws.String(group), LogStreamName: aws.String("s")})
			return err
		},
		"logs:FilterLogEvents": func(c *cloudwatchlogs.Client, ctx context.Context) error {
			_, err := c.FilterLogEvents(ctx, &cloudwatchlogs.FilterLogEventsInput{LogGroupName: aws.String(group)})
			return err
		},
	} {
		c, db := newClient(t, everyone{but: action})
		write(t, db, "s", begin, 0, "secret")
		e, ok := errors.AsType[smithy.APIError](call(c, t.Context()))
		if !ok || e.ErrorCode() != "AccessDeniedException" {
			t.Errorf("%s: %v", action, e)
		}
	}
}
