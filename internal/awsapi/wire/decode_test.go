package wire_test

import (
	"context"
	"encoding/json"
	"math"
	"net/url"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/heliograph/heliograph/internal/awsapi/wire"
	"github.com/heliograph/heliograph/internal/errs"
)

func TestTime(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]string{ // number, and how it is written again
		"1529870369.986": "1529870369.986", "1529870369": "1529870369", "0": "0", "-1.5": "-1.500", "1.529870369986e9": "1529870369.986",
		"1529870369.9864": "1529870369.986", "1e-400": "0", "0e999999999": "0", "253402300799": "253402300799", "-62135596800": "-62135596800", "1529870369.007": "1529870369.007",
	} {
		var at wire.Time
		if err := json.Unmarshal([]byte(in), &at); err != nil {
			t.Errorf("%s: %v", in, err)
		} else if out, err := json.Marshal(at); err != nil || string(out) != want {
			t.Errorf("%s: got %s, %v", in, out, err)
		}
	}
	for _, in := range []string{`"2026-01-01T00:00:00Z"`, `{}`, `[]`, `true`, `1e400`, `253402300800`, `-62135596801`} {
		var at wire.Time
		if err := json.Unmarshal([]byte(in), &at); err == nil {
			t.Errorf("%s was read as %v", in, at.Std())
		}
	}
	var micros wire.Time
	if err := json.Unmarshal([]byte("1529870369.123456"), &micros); err != nil || !micros.Std().Equal(time.UnixMicro(1529870369123456)) {
		t.Errorf("got %v, %v", micros.Std(), err)
	}
	out, err := json.Marshal(struct {
		Set, Unset wire.Time `json:",omitzero"`
	}{Set: wire.Time(time.Unix(5, 0))})
	if err != nil || string(out) != `{"Set":5}` {
		t.Errorf("got %s, %v", out, err)
	}
}

type shape struct {
	Name     string
	Count    int
	Weight   float64
	On       bool
	When     wire.Time
	Tags     []struct{ Key, Value string }
	Nested   *struct{ Inner struct{ Deep string } }
	Settings map[string]string
}

func TestOp(t *testing.T) {
	t.Parallel()
	var got *shape
	op := wire.Op(func(_ context.Context, in *shape) (*struct{}, error) { got = in; return nil, nil })
	for body, part := range map[string]string{ // what the message must name
		`{"Count": "1"}`:                       "Count",
		`{"Count": 1.5}`:                       "Count",
		`{"Count": 99999999999999999999}`:      "Count",
		`{"On": "true"}`:                       "On",
		`{"Tags": {}}`:                         "Tags",
		`{"Tags": [1]}`:                        "Tags",
		`{"Nested": {"Inner": {"Deep": []}}}`:  "Nested.Inner.Deep",
		`{"When": "2026-01-01"}`:               "timestamp",
		`{"Settings": {"a": 1}}`:               "Settings",
		`null`:                                 "object",
		`{"Name": "\ud8"}`:                     "not valid JSON",
		strings.Repeat(`{"Nested":`, 20000):    "JSON",
		`{"Name": "` + strings.Repeat("x", 10): "not valid JSON",
	} {
		_, err := op.Run(t.Context(), []byte(body))
		if errs.CodeOf(err) != "SerializationException" || !strings.Contains(err.Error(), part) || strings.Contains(err.Error(), "Go ") {
			t.Errorf("%.60s: got %v, want something about %s", body, err, part)
		}
	}
	if _, err := op.Run(t.Context(), []byte(` {"Name":"n","Count":2,"When":1.5,"Tags":[{"Key":"k"}],"Other":{"a":[1,{}]},"On":null}`)); err != nil ||
		got.Name != "n" || got.Count != 2 || !got.When.Std().Equal(time.UnixMilli(1500)) || len(got.Tags) != 1 || got.Nested != nil {
		t.Errorf("got %+v, %v", got, err)
	}
}

type formShape struct {
	Name     string
	Count    int32
	Weight   float64
	On       bool
	When     time.Time
	Tags     []struct{ Key, Value string }
	Plain    []string
	Optional *string
	Nested   struct{ Inner *struct{ Deep []int } }
	hidden   string
	FormPage
}

type FormPage struct {
	Marker   string
	MaxItems *int
}

func TestDecodeForm(t *testing.T) {
	t.Parallel()
	text := "x"
	for query, want := range map[string]formShape{
		"": {},
		"Name=a+b&Count=-5&Weight=1.5&On=true&When=2026-01-02T03:04:05Z&Other=1&hidden=1": {Name: "a b", Count: -5, Weight: 1.5, On: true,
			When: time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)},
		"Tags.member.1.Key=a&Tags.member.1.Value=b&Tags.member.2.Key=c&Tags.member.4.Key=gap": {Tags: []struct{ Key, Value string }{{"a", "b"}, {"c", ""}}},
		"Marker=m&Other=x":                      {FormPage: FormPage{Marker: "m"}}, // members of embedded structs are the outer one's
		"FormPage.Marker=m":                     {},
		"Plain.1=a&Plain.2=b":                   {Plain: []string{"a", "b"}},
		"Plain.member.1=a":                      {Plain: []string{"a"}},
		"Plain=":                                {Plain: []string{}}, // an empty list
		"Optional=x":                            {Optional: &text},
		"Nested.Inner.Deep.member.1=7":          {Nested: struct{ Inner *struct{ Deep []int } }{&struct{ Deep []int }{[]int{7}}}},
		"Namex=1&Name.x=2&Tags.member.x.Key=no": {Tags: []struct{ Key, Value string }{}},
	} {
		values, err := url.ParseQuery(query)
		if err != nil {
			t.Fatal(err)
		}
		var got formShape
		if err := wire.DecodeForm(values, &got); err != nil || !reflect.DeepEqual(got, want) {
			t.Errorf("%s: got %+v, %v", query, got, err)
		}
	}
	var long []string
	for i := 1; i <= 1001; i++ {
		long = append(long, "Plain."+itoa(i)+"=x")
	}
	for query, part := range map[string]string{
		"Count=x": "Count", "Count=3000000000": "Count", "On=maybe": "On", "When=yesterday": "When", "Weight=w": "Weight",
		"Nested.Inner.Deep.member.1=x": "Nested.Inner.Deep.member.1", strings.Join(long, "&"): "more than 1000",
	} {
		values, _ := url.ParseQuery(query)
		if err := wire.DecodeForm(values, new(formShape)); errs.CodeOf(err) != "ValidationError" || !strings.Contains(err.Error(), part) {
			t.Errorf("%.60s: got %v", query, err)
		}
	}
}

func itoa(n int) string {
	b, _ := json.Marshal(n)
	return string(b)
}

func FuzzDecodeForm(f *testing.F) {
	for _, seed := range []string{"", "Name=a", "Tags.member.1.Key=a&Tags.member.1.Value=b", "Plain.1=a&Plain.2=b", "Nested.Inner.Deep.member.1=7", "When=2026-01-02T03:04:05Z",
		"Plain.=&Plain..1=", "Tags=&Tags.member=", "Count=99999999999", "Nested=1&Nested.Inner=2"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, query string) {
		values, err := url.ParseQuery(query)
		if err != nil {
			return
		}
		var in formShape
		if err := wire.DecodeForm(values, &in); err != nil && errs.CodeOf(err) != "ValidationError" {
			t.Errorf("%q: %v", query, err)
		}
		if in.hidden != "" || len(in.Plain) > len(values) || len(in.Tags) > len(values) {
			t.Errorf("%q made %+v", query, in)
		}
	})
}

func FuzzOp(f *testing.F) {
	for _, seed := range []string{"", "{}", `{"Name":"n","Count":2,"When":1.5,"Tags":[{"Key":"k"}]}`, `{"When":1e308}`, `[`, `{"Tags":[[[[`, "null", `{"Nested":{"Inner":null}}`} {
		f.Add([]byte(seed))
	}
	op := wire.Op(func(_ context.Context, in *shape) (*shape, error) { return in, nil })
	f.Fuzz(func(t *testing.T, body []byte) {
		out, err := op.Run(t.Context(), body)
		if err != nil {
			if errs.CodeOf(err) != "SerializationException" || len(errs.MessageOf(err)) > 1100 {
				t.Errorf("%q: %v", body, err)
			}
			return
		}
		in := out.(*shape)
		if y := in.When.Std().Year(); y < 0 || y > 9999 || math.IsNaN(in.Weight) {
			t.Errorf("%q made %+v", body, in)
		}
		if _, err := json.Marshal(in); err != nil {
			t.Errorf("%q can't be written again: %v", body, err)
		}
	})
}
