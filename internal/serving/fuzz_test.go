package serving

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"context"
	"encoding/json"
	"errors"
	"math"
	"strconv"
	"strings"
	"testing"
	"unicode/utf8"
)

// FuzzReadJSON holds the decoder of application/json against encoding/json:
// what one accepts the other does, with the same texts.
func FuzzReadJSON(f *testing.F) {
	for _, seed := range []string{
		`{"instances": ["a b", "c"], "configuration": {"k": 2}}`, `{"instances": []}`, `"{\"instances\": []}"`, `{}`, ``, `[`,
		`{"instances": ["\u00e9\ud83d\ude00\ud800\n\"\\\/"], "x": [1, -0.5e-3, {"y": null}, true]}`, `{"instances": ["a`, `{"instances": [1]}`,
		"{\"instances\": [\"\xff\"]}", "\ufeff{}", `{"instances": ["a"], "configuration": {"k": 1e2}}`, `{"k":01}`, `{"instances":["a"],}`,
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, body string) {
		var r request
		err := r.readJSON(body)
		if err != nil {
			if _, ok := err.(*refusal); !ok || !utf8.ValidString(err.Error()) {
				t.Fatalf("%q: error %T %q", body, err, err)
			}
		}
		want, ok := referenceJSON(strings.TrimPrefix(body, "\ufeff"))
		if ok != (err == nil) {
			t.Fatalf("%q: encoding/json accepts: %v, readJSON says %v", body, ok, err)
		}
		if err == nil && strings.Join(r.texts, "\x00|") != strings.Join(want, "\x00|") {
			t.Fatalf("%q: read %q, want %q", body, r.texts, want)
		}
		if err == nil && r.k < 1 {
			t.Fatalf("%q: k is %d", body, r.k)
		}
	})
}

// referenceJSON is readJSON by encoding/json.
func referenceJSON(body string) (texts []string, ok bool) {
	if !utf8.ValidString(body) || !json.Valid([]byte(body)) {
		return nil, false
	}
	decoder := json.NewDecoder(strings.NewReader(body))
	if token, err := decoder.Token(); err != nil || token != json.Delim('{') {
		return nil, false
	}
	for decoder.More() {
		name, err := decoder.Token()
		if err != nil {
			return nil, false
		}
		var value json.RawMessage
		if err := decoder.Decode(&value); err != nil {
			return nil, false
		}
		switch name {
		case "instances":
			var items []any
			if json.Unmarshal(value, &items) != nil || items == nil {
				return nil, false
			}
			texts, ok = make([]string, len(items)), true
			for i, item := range items {
				text, isText := item.(string)
				if !isText {
					return nil, false
				}
				texts[i] = text
			}
		case "configuration":
			if string(value) == "null" {
				continue
			}
			if value[0] != '{' || !validConfiguration(value) {
				return nil, false
			}
		default:
			if depthOf(value) > maxDepth {
				return nil, false
			}
		}
	}
	return texts, ok
}

func validConfiguration(value json.RawMessage) bool {
	decoder := json.NewDecoder(bytes.NewReader(value))
	if _, err := decoder.Token(); err != nil {
		return false
	}
	for decoder.More() {
		name, err := decoder.Token()
		if err != nil {
			return false
		}
		var value json.RawMessage
		if err := decoder.Decode(&value); err != nil {
			return false
		}
		if name == "k" && (strings.Trim(string(value), "0123456789") != "" || strings.Trim(string(value), "0") == "") {
			return false
		}
		if name != "k" && depthOf(value) > maxDepth {
			return false
		}
	}
	return true
}

// depthOf is how deep values nest in valid JSON.
func depthOf(value []byte) (deepest int) {
	depth, quoted := 0, false
	for i := 0; i < len(value); i++ {
		switch c := value[i]; {
		case quoted && c == '\\':
			i++
		case c == '"':
			quoted = !quoted
		case quoted:
		case c == '[' || c == '{':
			depth++
			// An empty one holds no value that would be nested deeper.
			if rest := bytes.TrimLeft(value[i+1:], " \t\r\n"); rest[0] != ']' && rest[0] != '}' {
				deepest = max(deepest, depth)
			}
		case c == ']' || c == '}':
			depth--
		}
	}
	return deepest
}

// FuzzReadLines: the decoder of application/jsonlines ends, with one text and
// one k for each line or with a refusal.
func FuzzReadLines(f *testing.F) {
	for _, seed := range []string{
		`{"source": "a b", "k": 2}` + "\n" + `{"source": "c"}`, "", "\n", `{"source": 1}`, `{"k": 1}`, `"x"`, `{"source": "a"}` + "\r\n\r\n", "{\"source\": \"\xff\"}",
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, body string) {
		var r request
		if err := r.readLines(body); err != nil {
			if _, ok := err.(*refusal); !ok || !utf8.ValidString(err.Error()) {
				t.Fatalf("%q: error %T %q", body, err, err)
			}
			return
		}
		if lines := strings.Count(strings.TrimRight(body, " \t\r\n"), "\n") + 1; len(r.texts) != lines || len(r.ks) != lines {
			t.Fatalf("%q: %d texts, %d ks, %d lines", body, len(r.texts), len(r.ks), lines)
		}
		for i, k := range r.ks {
			if k < 1 || k > r.k {
				t.Fatalf("%q: k %d of %d", body, k, i)
			}
		}
	})
}

// FuzzAppendString: what is written is ASCII and reads back as it was.
func FuzzAppendString(f *testing.F) {
	for _, seed := range []string{"", "__label__a", "\"\\\n\x00\x7f", "grün 😀", "\xff\xed\xa0\x80"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		written := appendString(nil, text)
		var read string
		if err := json.Unmarshal(written, &read); err != nil {
			t.Fatalf("%q was written as %s: %v", text, written, err)
		}
		want := string([]rune(text)) // each byte that is not UTF-8 is one replacement character
		if read != want {
			t.Fatalf("%q was written as %s", text, written)
		}
		for _, c := range written {
			if c >= utf8.RuneSelf || c < ' ' {
				t.Fatalf("%q was written as %q", text, written)
			}
		}
	})
}

// FuzzAppendFloat: what is written reads back as the same number, and looks like
// a float to Python.
func FuzzAppendFloat(f *testing.F) {
	for _, seed := range []float64{0, 1, -1, 0.9945058226585388, 1e-5, 1e-4, 1e15, 1e16, 123456789, math.MaxFloat64, math.SmallestNonzeroFloat64} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, x float64) {
		written := string(appendFloat(nil, x))
		read, err := strconv.ParseFloat(written, 64)
		if err != nil || read != x && !(math.IsNaN(read) && math.IsNaN(x)) {
			t.Fatalf("%v was written as %s", x, written)
		}
		if !strings.ContainsAny(written, ".eNI") {
			t.Fatalf("%v was written as %s", x, written)
		}
	})
}

func TestAppendFloat(t *testing.T) {
	t.Parallel()
	for x, want := range map[float64]string{ // as Python prints them
		0: "0.0", 1: "1.0", -2: "-2.0", 0.5: "0.5", 1e-5: "1e-05", 0.0001: "0.0001", 1.5e-7: "1.5e-07", 1e15: "1000000000000000.0", 1e16: "1e+16",
		123456789012345680: "1.2345678901234568e+17", float64(float32(0.9945058)): "0.9945058226585388", float64(float32(1e-10)): "1.000000013351432e-10",
		math.Inf(1): "Infinity", math.Inf(-1): "-Infinity",
	} {
		if got := string(appendFloat(nil, x)); got != want {
			t.Errorf("%v was written as %s, want %s", x, got, want)
		}
	}
}

type memory struct{ bytes.Buffer }

func (m *memory) Calibrate([]byte) error { return nil }

func (m *memory) Reset() error {
	m.Buffer.Reset()
	return nil
}

// FuzzUnpack: unpacking ends, never writes more than it may, and either takes a
// model or says why not.
func FuzzUnpack(f *testing.F) {
	pack := func(name string, flag byte, content string) []byte {
		var b bytes.Buffer
		w := tar.NewWriter(&b)
		err := w.WriteHeader(&tar.Header{Name: name, Typeflag: flag, Size: int64(len(content)), Mode: 0o600})
		if _, werr := w.Write([]byte(content)); err != nil || werr != nil || w.Close() != nil {
			f.Fatal(err, werr)
		}
		return b.Bytes()
	}
	zip := func(content []byte) []byte {
		var b bytes.Buffer
		w := gzip.NewWriter(&b)
		if _, err := w.Write(content); err != nil || w.Close() != nil {
			f.Fatal(err)
		}
		return b.Bytes()
	}
	f.Add([]byte{})
	f.Add([]byte("\xba\x16\x4f\x2f rest of a model"))
	f.Add(zip([]byte("\xba\x16\x4f\x2f rest of a model")))
	f.Add(pack("model.bin", tar.TypeReg, "content"))
	f.Add(zip(pack("./model.bin", tar.TypeReg, "content")))
	f.Add(zip(pack("../model.bin", tar.TypeReg, "content")))
	f.Add(pack("model.bin", tar.TypeSymlink, ""))
	f.Add(append(pack("vectors.bin", tar.TypeReg, "a")[:1024], pack("model.bin", tar.TypeReg, "b")...))
	f.Fuzz(func(t *testing.T, object []byte) {
		const max = 1 << 16
		var out memory
		err := unpack(context.Background(), bytes.NewReader(object), &out, max)
		if out.Len() > max+1 {
			t.Fatalf("%d bytes were written", out.Len())
		}
		var known *archiveError
		if err != nil && !errors.As(err, &known) {
			t.Logf("an error without advice: %v", err)
		}
		if err == nil && len(object) == 0 {
			t.Fatal("nothing was unpacked without an error")
		}
	})
}

// FuzzEachBlock cuts JSON Lines into blocks: together they are the whole, each but
// the last ends with a line, and their first lines are numbered as in the whole.
func FuzzEachBlock(f *testing.F) {
	for _, seed := range []string{"", "\n", "a", "a\nb\n", "\n\n\na", strings.Repeat("x", 100), strings.Repeat("ab\n", 50) + "c"} {
		f.Add(seed, 8, 64)
	}
	f.Fuzz(func(t *testing.T, text string, block, most int) {
		block = 1 + int(uint(block)%64)
		most = block + int(uint(most)%256)
		var got strings.Builder
		err := eachBlock(strings.NewReader(text), block, most, func(b []byte, firstLine int) error {
			if want := strings.Count(text[:got.Len()], "\n") + 1; firstLine != want {
				t.Fatalf("%q: a block after %q begins with line %d, not %d", text, got.String(), firstLine, want)
			}
			if got.Write(b); got.Len() < len(text) && !strings.HasSuffix(string(b), "\n") {
				t.Fatalf("%q: the block %q ends in the middle of a line", text, b)
			}
			return nil
		})
		longest := 0
		for _, l := range strings.SplitAfter(text, "\n") {
			longest = max(longest, len(l))
		}
		if err != nil {
			if longest < most {
				t.Fatalf("%q: %v, although the longest line has %d of %d bytes", text, err, longest, most)
			}
			return
		}
		if got.String() != text {
			t.Fatalf("the blocks of %q are together %q", text, got.String())
		}
	})
}
