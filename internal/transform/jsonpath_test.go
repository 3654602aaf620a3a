package transform_test

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"

	"github.com/heliograph/heliograph/internal/transform"
)

const record = ` { "id" : 12345678901234567890 , "a b":[0, 1.50,"two",{"x":null}],"nested":{"list":[{"v":1},{"w":2},{"v":3}]},"caf\u00e9":"\"]},","id":7 } `

func TestJSONPath(t *testing.T) {
	t.Parallel()
	for _, test := range []struct{ path, want string }{
		{"$", record},
		{"$.id", `7`},
		{"$['a b']", `[0, 1.50,"two",{"x":null}]`},
		{`$["a b"][1]`, `1.50`},
		{"$['a b'][-1].x", `null`},
		{"$['a b'][0,2]", `[0,"two"]`},
		{"$['a b'][1:]", `[1.50,"two",{"x":null}]`},
		{"$['a b'][:-2]", `[0,1.50]`},
		{"$['a b'][0,-2:]", `[0,"two",{"x":null}]`},
		{"$['a b'][5:9]", `[]`},
		{"$['a b'][*]", `[0,1.50,"two",{"x":null}]`},
		{"$.nested.list[*].v", `[1,3]`},
		{"$.nested.*", `[[{"v":1},{"w":2},{"v":3}]]`},
		{"$.café", `"\"]},"`},
		{"$['id', 'nobody', 'café']", `{"id":7,"caf\u00e9":"\"]},"}`},
		{"$.nested['list']", `[{"v":1},{"w":2},{"v":3}]`},
	} {
		got, err := transform.Select(test.path, []byte(record))
		if err != nil || string(got) != test.want {
			t.Errorf("%s selects %s (%v), want %s", test.path, got, err, test.want)
		}
	}
	for path, want := range map[string]string{
		"": "begin with $", "id": "begin with $", "$id": "expected . or [", "$.": "a name must follow", "$..id": "deep scan", "$[": "not closed", "$['a": "closing quote",
		"$[?(@.x)]": "neither a name in quotes", "$.a.length()": "is no name", "$[1,'a']": "can't be mixed", "$['a','b'].c": "nothing may follow", "$['a' 'b']": "expected a comma",
		"$[1:2:3]": "neither a name", "$[99999999999999999999]": "neither a name", "$.nobody": `no member "nobody"`, "$['a b'][4]": "outside of an array of 4", "$['a b'][-5]": "outside", "$.id[0]": "no array",
	} {
		if got, err := transform.Select(path, []byte(record)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %s, %v; want an error with %q", path, got, err, want)
		}
	}
}

// FuzzJSONPath holds what paths select against encoding/json: it is JSON, and
// for a name it is the value that encoding/json finds.
func FuzzJSONPath(f *testing.F) {
	for _, path := range []string{"$", "$.id", "$['a b'][0,-2:]", "$.nested.list[*].v", "$[*]", "$['x','y']", "$[1:", "$['a\\'b']", "$.*.*", "$[-9223372036854775808]"} {
		f.Add(path, record)
	}
	f.Add("$[2]", `[1,[2,"]"],{"a":[]}]`)
	f.Add("$.a", `{"a":{},"a":"\\"}`)
	f.Fuzz(func(t *testing.T, path, text string) {
		if !json.Valid([]byte(text)) {
			return
		}
		joined := transform.Joined([]byte(text), []byte(`{"label": 1}`))
		if !json.Valid(joined) || !bytes.Contains(joined, []byte(`"SageMakerOutput":{"label": 1}`)) {
			t.Errorf("%q joined is %q", text, joined)
		}
		got, err := transform.Select(path, []byte(text))
		if err != nil {
			return
		}
		if !json.Valid(got) {
			t.Errorf("%q of %q is %q", path, text, got)
		}
		name := strings.TrimPrefix(path, "$.")
		if name == path || strings.ContainsAny(name, ".[*") {
			return
		}
		var object map[string]json.RawMessage
		if json.Unmarshal([]byte(text), &object) == nil && string(object[name]) != string(got) {
			t.Errorf("%q of %q is %q, encoding/json finds %q", path, text, got, object[name])
		}
	})
}

func FuzzManifest(f *testing.F) {
	for _, seed := range []string{`[{"prefix": "s3://data/in/"}, "b/d", "a"]`, `[{"prefix":"s3://b"},""]`, `[]`, `[{"prefix":"s3://b/"},1]`, `{}`, `[{"prefix":null},"a"]`, `[{"prefix":"s3://b/"},"a"] x`} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		list, err := transform.ParseManifest(strings.NewReader(text))
		if err == nil && len(list) == 0 {
			t.Errorf("%q names no object and is no error", text)
		}
	})
}
