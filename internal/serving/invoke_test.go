package serving_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/heliograph/heliograph/fasttext"
	"github.com/heliograph/heliograph/internal/errs"
	"github.com/heliograph/heliograph/internal/serving"
)

const (
	asJSON  = "application/json"
	asLines = "application/jsonlines"
)

func TestInvokeAnswers(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	model := trained(t, "red", "blue", "Grün")
	h.deploy("e", h.put("m.tar.gz", packed(t, model)))
	m, err := fasttext.Load(bytes.NewReader(model))
	if err != nil {
		t.Fatal(err)
	}
	// python prints what Python's json.dumps would for the labels of a text.
	python := func(text string, k int, lines bool) string {
		var labels, probs []string
		for _, p := range m.Predict(nil, text, k, 0) {
			name, _ := json.Marshal(p.Label)
			labels = append(labels, strings.ReplaceAll(string(name), "ü", `\u00fc`))
			probs = append(probs, string(serving.AppendFloat(nil, float64(p.Prob))))
		}
		label := `"label": [` + strings.Join(labels, ", ") + "]"
		prob := `"prob": [` + strings.Join(probs, ", ") + "]"
		if lines {
			return "{" + prob + ", " + label + "}\n"
		}
		return "{" + label + ", " + prob + "}"
	}
	for name, c := range map[string]struct{ contentType, body, want string }{
		"one":              {asJSON, `{"instances": ["red"]}`, "[" + python("red", 1, false) + "]"},
		"k":                {asJSON, `{"instances": ["red filler", "blue"], "configuration": {"k": 2}}`, "[" + python("red filler", 2, false) + ", " + python("blue", 2, false) + "]"},
		"k above labels":   {asJSON, `{"configuration": {"k": 99999999999999999999}, "instances": ["red"]}`, "[" + python("red", 3, false) + "]"},
		"no instances":     {asJSON, `{"instances": []}`, "[]"},
		"null config":      {asJSON, `{"instances": ["red"], "configuration": null}`, "[" + python("red", 1, false) + "]"},
		"unknown members":  {asJSON, ` {"x": [{"y": [1, -2.5e+3, true, false, null, "\u0041"]}, {}, []], "instances": ["red"] , "z": "\"" } `, "[" + python("red", 1, false) + "]"},
		"escapes":          {asJSON, `{"inst\u0061nces": ["\u0072ed\n\tfiller \ud83d\ude00 \ud800 \/"]}`, "[" + python("red\n\tfiller 😀 � /", 1, false) + "]"},
		"member twice":     {asJSON, `{"instances": ["blue", "blue"], "instances": ["red"]}`, "[" + python("red", 1, false) + "]"},
		"byte order mark":  {asJSON, "\ufeff" + `{"instances": ["red"]}`, "[" + python("red", 1, false) + "]"},
		"charset":          {"Application/JSON; charset=utf-8", `{"instances": ["Grün"]}`, "[" + python("Grün", 1, false) + "]"},
		"unknown words":    {asJSON, `{"instances": ["qwertz", ""]}`, "[" + python("qwertz", 1, false) + ", " + python("", 1, false) + "]"},
		"line":             {asLines, `{"source": "red"}`, python("red", 1, true)},
		"lines":            {asLines, `{"source": "red", "k": 2}` + "\r\n" + `{"k": 3, "source": "blue", "id": 7}` + "\n\n", python("red", 2, true) + python("blue", 3, true)},
		"lines, data=text": {"application/jsonlines;data=text", `{"source": "red"}`, python("red", 1, true)},
	} {
		if got, err := h.invoke("e", c.contentType, c.body); err != nil || got != c.want {
			t.Errorf("%s: got %s (%v), want %s", name, got, err, c.want)
		}
	}
}

func TestInvokeRefusals(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	h.deploy("e", h.put("m.bin", trained(t, "a", "b")))
	for name, c := range map[string]struct {
		contentType, body string
		status            int
		message           string
	}{
		"other content type":   {"application/octet-stream", `{"instances": ["a"]}`, 415, "content-type application/octet-stream not supported"},
		"CSV":                  {"text/csv", "a", 415, "content-type text/csv not supported"},
		"no content type":      {"", `{"instances": ["a"]}`, 415, "content-type application/octet-stream not supported"},
		"JSON string":          {asJSON, `"{\"instances\": [\"a\"]}"`, 500, "TypeError: string indices must be integers"},
		"JSON string, lines":   {asLines, `"{\"source\": \"a\"}"`, 500, "TypeError: string indices must be integers"},
		"empty":                {asJSON, "", 400, "expected an object, found the end"},
		"no JSON":              {asJSON, "a b c", 400, "Customer Error: Unable to decode payload: Incorrect data format. (caused by ValueError): at byte 0: expected an object, found 'a'."},
		"list":                 {asJSON, `["a"]`, 400, "expected an object, found a list"},
		"no instances":         {asJSON, `{"texts": ["a"]}`, 400, `no "instances"`},
		"instances a string":   {asJSON, `{"instances": "a"}`, 400, `"instances" must be a list of strings, found a string`},
		"instance a number":    {asJSON, `{"instances": ["a", 3]}`, 400, `at byte 20: each of the "instances" must be a string; number 2 is a number`},
		"instance an object":   {asJSON, `{"instances": [{"data": "a"}]}`, 400, "number 1 is an object"},
		"k zero":               {asJSON, `{"instances": ["a"], "configuration": {"k": 0}}`, 400, `"k" must be a whole number of at least 1, not 0`},
		"k negative":           {asJSON, `{"instances": ["a"], "configuration": {"k": -1}}`, 400, "not -1"},
		"k broken":             {asJSON, `{"instances": ["a"], "configuration": {"k": 1.5}}`, 400, "not 1.5"},
		"k a string":           {asJSON, `{"instances": ["a"], "configuration": {"k": "2"}}`, 400, `"k" must be a whole number, found a string`},
		"configuration list":   {asJSON, `{"instances": ["a"], "configuration": [2]}`, 400, `"configuration" must be an object`},
		"trailing":             {asJSON, `{"instances": ["a"]} {}`, 400, "expected the end, found an object"},
		"truncated":            {asJSON, `{"instances": ["a`, 400, "the string that begins at byte 15 has no end"},
		"truncated escape":     {asJSON, `{"instances": ["a\`, 400, "backslash"},
		"unknown escape":       {asJSON, `{"instances": ["\x61"]}`, 400, "backslash"},
		"control character":    {asJSON, "{\"instances\": [\"a\nb\"]}", 400, `write it as \u000a`},
		"no UTF-8":             {asJSON, "{\"instances\": [\"a\xff\"]}", 400, "the body is not UTF-8 (at byte 17)"},
		"leading zero":         {asJSON, `{"x": 01, "instances": []}`, 400, "expected a comma"},
		"deep nesting":         {asJSON, `{"x": ` + strings.Repeat("[", 100000) + strings.Repeat("]", 100000) + `}`, 400, "nested"},
		"NaN":                  {asJSON, `{"x": NaN}`, 400, "expected a value"},
		"lines empty":          {asLines, "\n\n", 400, "the body is empty"},
		"lines, gap":           {asLines, `{"source": "a"}` + "\n\n" + `{"source": "b"}`, 400, "in line 2, byte 0: expected an object, found the end"},
		"lines, no source":     {asLines, `{"source": "a"}` + "\n" + `{"text": "b"}`, 400, `line 2 has no "source"`},
		"lines, bad JSON":      {asLines, `{"source": "a"` + "\n" + `}`, 400, "Customer Error: Unable to decode payload: Incorrect data format. (caused by ValueError)"},
		"lines, source a list": {asLines, `{"source": ["a"]}`, 400, `"source" must be a string, found a list`},
	} {
		_, err := h.invoke("e", c.contentType, c.body)
		refused, ok := errors.AsType[*serving.ModelError](err)
		if !ok || refused.OriginalStatusCode != c.status || !strings.Contains(refused.OriginalMessage, c.message) {
			t.Errorf("%s: got %v, want %d %q", name, err, c.status, c.message)
			continue
		}
		side, code := "client", "CLIENT_ERROR_FROM_MODEL"
		if c.status == 500 {
			side, code = "server", "INTERNAL_FAILURE_FROM_MODEL"
		}
		message := fmt.Sprintf("Received %s error (%d) from primary with message \"%s\". See https://us-east-1.console.aws.amazon.com/cloudwatch/home?region=us-east-1#logEventViewer:group=/aws/sagemaker/Endpoints/e in account 123456789012 for more information.",
			side, c.status, refused.OriginalMessage)
		if errs.MessageOf(err) != message || refused.ErrorCode != code || errs.CodeOf(err) != "ModelError" ||
			refused.LogStreamArn != "arn:aws:logs:us-east-1:123456789012:log-group:/aws/sagemaker/Endpoints/e" {
			t.Errorf("%s: %+v", name, refused)
		}
	}
	for name, c := range map[string]struct {
		in      serving.InvokeInput
		message string
	}{
		"unknown endpoint": {serving.InvokeInput{Endpoint: "x"}, "Endpoint x of account 123456789012 not found."},
		"bad name":         {serving.InvokeInput{Endpoint: "x y"}, "1 validation error detected: Value 'x y' at 'endpointName'"},
		"unknown variant":  {serving.InvokeInput{Endpoint: "e", Variant: "blue"}, "no variant called blue; it has: e."},
		"large body":       {serving.InvokeInput{Endpoint: "e", ContentType: asJSON, Body: make([]byte, serving.MaxBody+1)}, "at most 6291456"},
	} {
		if _, err := h.Invoke(t.Context(), c.in); errs.CodeOf(err) != "ValidationError" || !strings.Contains(errs.MessageOf(err), c.message) {
			t.Errorf("%s: %v", name, err)
		}
	}
	h.logLines("e", "Refused a request (415): content-type text/csv not supported")
}

func TestAnswerLimit(t *testing.T) {
	t.Parallel()
	h := openHouse(t, t.TempDir(), func(o *serving.Options) { o.MaxResponseBytes = 10_000 })
	if err := h.blobs.CreateBucket(t.Context(), "models", ""); err != nil {
		t.Fatal(err)
	}
	h.deploy("e", h.put("m.bin", trained(t, "a", "b")))
	body := `{"configuration": {"k": 2}, "instances": [` + strings.Repeat(`"a",`, 500) + `"a"]}`
	_, err := h.invoke("e", asJSON, body)
	if refused, ok := errors.AsType[*serving.ModelError](err); !ok || refused.OriginalStatusCode != 413 {
		t.Errorf("a giant answer: %v", err)
	}
}

func TestWordVectors(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	vectors, err := os.ReadFile("testdata/vectors.bin")
	if err != nil {
		t.Fatal(err)
	}
	m, err := fasttext.Load(bytes.NewReader(vectors))
	if err != nil {
		t.Fatal(err)
	}
	h.deploy("v", h.put("m.tar.gz", gzipped(t, tarOf(t, file{name: "./vectors.bin", content: vectors}, file{name: "vectors.txt", content: []byte("1 1\n")}))))
	answer, err := h.invoke("v", asJSON, `{"instances": ["sun", "nowhere-to-be-found"]}`)
	if err != nil {
		t.Fatal(err)
	}
	var got []struct {
		Vector []float32
		Word   string
	}
	if err := json.Unmarshal([]byte(answer), &got); err != nil || len(got) != 2 || !strings.HasPrefix(answer, `[{"vector": [`) || !strings.HasSuffix(answer, `], "word": "nowhere-to-be-found"}]`) {
		t.Fatalf("answer %s (%v)", answer, err)
	}
	for _, g := range got {
		if want := m.WordVector(nil, g.Word); fmt.Sprint(g.Vector) != fmt.Sprint(want) {
			t.Errorf("vector of %s: got %v, want %v", g.Word, g.Vector, want)
		}
	}
}

// TestManyInstances gets the answers to a large body in the order of its texts,
// and the same as one by one.
func TestManyInstances(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	h.deploy("e", h.put("m.bin", trained(t, "x", "y")))
	const n = 1003
	var texts, sources, want, wantLines []string
	for i := range n {
		text := strings.Repeat([]string{"x ", "y ", "filler "}[i%3], i%7+1)
		texts, sources = append(texts, strconv.Quote(text)), append(sources, `{"source": `+strconv.Quote(text)+`, "k": 2}`)
		one, err := h.invoke("e", asJSON, `{"instances": [`+texts[i]+`]}`)
		if err != nil {
			t.Fatal(err)
		}
		line, err := h.invoke("e", asLines, sources[i])
		if err != nil {
			t.Fatal(err)
		}
		want, wantLines = append(want, strings.Trim(one, "[]")), append(wantLines, line)
	}
	all, err := h.invoke("e", asJSON, `{"instances": [`+strings.Join(texts, ", ")+`]}`)
	if err != nil || strings.Trim(all, "[]") != strings.Join(want, ", ") {
		t.Errorf("the answers to %d texts differ from those one by one (%v)", n, err)
	}
	all, err = h.invoke("e", asLines, strings.Join(sources, "\n"))
	if err != nil || all != strings.Join(wantLines, "") {
		t.Errorf("the answers to %d lines differ from those one by one (%v)", n, err)
	}
}

func TestVariants(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	h.model("one", h.put("one.bin", trained(t, "x", "y")))
	h.model("two", h.put("two.tar.gz", packed(t, trained(t, "x", "y"))))
	h.config("both", variantOf("one", 3), variantOf("two", 1))
	h.create("both", "both")
	if e := h.await("both"); e.EndpointStatus != serving.InService || e.Variants[0].Weight() != 3 {
		t.Fatalf("both: %+v", e)
	}
	in := serving.InvokeInput{Endpoint: "both", ContentType: asJSON, Body: []byte(`{"instances": ["x"]}`)}
	served := map[string]int{}
	for range 2000 {
		out, err := h.Invoke(t.Context(), in)
		if err != nil {
			t.Fatal(err)
		}
		served[out.Variant]++
	}
	if n := served["one"]; n < 1350 || n > 1650 { // 1500 expected, standard deviation 19
		t.Errorf("of 2000 requests at weights 3 and 1, the first got %d", n)
	}
	in.Variant = "Two"
	for range 20 {
		if out, err := h.Invoke(t.Context(), in); err != nil || out.Variant != "two" {
			t.Fatalf("target variant: %+v, %v", out, err)
		}
	}
}

func TestServerlessLimit(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	h.model("m", h.put("m.bin", trained(t, "x", "y")))
	memory, limit := 1024, 1
	h.config("c", serving.ProductionVariant{VariantName: "v", ModelName: "m", ServerlessConfig: &serving.ServerlessConfig{MemorySizeInMB: &memory, MaxConcurrency: &limit}})
	h.create("e", "c")
	if e := h.await("e"); e.EndpointStatus != serving.InService {
		t.Fatalf("e: %+v", e)
	}
	long := `{"instances": [` + strings.Repeat(`"x filler words",`, 20_000) + `"x"]}`
	var wait sync.WaitGroup
	var mu sync.Mutex
	answered, throttled := 0, 0
	for range 8 {
		wait.Go(func() {
			_, err := h.invoke("e", asJSON, long)
			mu.Lock()
			defer mu.Unlock()
			switch {
			case err == nil:
				answered++
			case errs.Is(err, errs.Throttled) && errs.CodeOf(err) == "ThrottlingException":
				throttled++
			default:
				t.Error(err)
			}
		})
	}
	wait.Wait()
	if answered == 0 || throttled == 0 {
		t.Errorf("%d answered, %d throttled", answered, throttled)
	}
}

func BenchmarkInvoke(b *testing.B) {
	h := newHouse(b)
	h.deploy("e", h.put("m.bin", trained(b, "red", "blue")))
	words := strings.Repeat("filler words red blue ", 12) + "red blue"
	in := serving.InvokeInput{Endpoint: "e", ContentType: asJSON, Body: []byte(`{"instances": ["` + words + `"]}`)}
	b.ReportAllocs()
	b.RunParallel(func(p *testing.PB) {
		for p.Next() {
			if _, err := h.Invoke(b.Context(), in); err != nil {
				b.Fatal(err)
			}
		}
	})
}
