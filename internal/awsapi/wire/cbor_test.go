package wire_test

import (
	"bytes"
	"context"
	"encoding/hex"
	"math"
	"strings"
	"testing"
	"time"

	"github.com/fxamacker/cbor/v2"

	"github.com/heliograph/heliograph/internal/awsapi/wire"
	"github.com/heliograph/heliograph/internal/errs"
)

func encoded(t testing.TB, v any) []byte {
	t.Helper()
	body, err := cbor.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return body
}

func TestCBOROp(t *testing.T) {
	t.Parallel()
	var got *shape
	op := wire.CBOROp(func(_ context.Context, in *shape) (*shape, error) { got = in; return in, nil })
	at := time.Unix(1529870369, 986_000_000).UTC()
	for name, body := range map[string][]byte{
		"a float":     encoded(t, map[string]any{"Name": "x", "Count": 3, "Weight": 2, "Unknown": []int{1}, "When": cbor.Tag{Number: 1, Content: 1529870369.986}, "Settings": map[string]string{"a": "b"}}),
		"no tag":      encoded(t, map[string]any{"Name": "x", "Count": 3, "Weight": 2.0, "When": 1529870369.986, "Settings": map[string]string{"a": "b"}}),
		"without end": append([]byte{0xbf}, append(encoded(t, map[string]any{"Name": "x", "Count": 3, "Weight": 2, "When": cbor.Tag{Number: 1, Content: 1529870369.986}, "Settings": map[string]string{"a": "b"}})[1:], 0xff)...),
	} {
		out, err := op.Run(t.Context(), body)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if got.Name != "x" || got.Count != 3 || got.Weight != 2 || got.When.Std().Sub(at).Abs() > time.Microsecond || got.Settings["a"] != "b" {
			t.Errorf("%s: read %+v", name, got)
		}
		if again, err := op.Run(t.Context(), encoded(t, out)); err != nil || !again.(*shape).When.Std().Equal(at) {
			t.Errorf("%s: read back %+v, %v", name, again, err)
		}
	}
	deep := bytes.Repeat([]byte{0x81}, 100_000)
	for name, body := range map[string][]byte{
		"a list":            {0x80},
		"cut short":         encoded(t, map[string]any{"Name": "x"})[:4],
		"more behind it":    append(encoded(t, map[string]any{"Name": "x"}), 0),
		"wrong type":        encoded(t, map[string]any{"Count": "3"}),
		"fraction":          encoded(t, map[string]any{"Count": 1.5}),
		"time as text":      encoded(t, map[string]any{"When": "2026-01-01T00:00:00Z"}),
		"time as infinity":  encoded(t, map[string]any{"When": math.Inf(1)}),
		"time of a bignum":  encoded(t, map[string]any{"When": cbor.Tag{Number: 2, Content: []byte{1}}}),
		"a member twice":    {0xa2, 0x64, 'N', 'a', 'm', 'e', 0x61, 'a', 0x64, 'N', 'a', 'm', 'e', 0x61, 'b'},
		"a huge list":       append([]byte{0xa1, 0x64, 'T', 'a', 'g', 's'}, 0x9b, 0x7f, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff),
		"a huge text":       append([]byte{0xa1, 0x64, 'N', 'a', 'm', 'e'}, 0x7b, 0x7f, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff),
		"nested deeply":     append([]byte{0xa1, 0x64, 'T', 'a', 'g', 's'}, deep...),
		"text is not UTF-8": {0xa1, 0x64, 'N', 'a', 'm', 'e', 0x61, 0xff},
	} {
		if _, err := op.Run(t.Context(), body); errs.CodeOf(err) != "SerializationException" || strings.Contains(err.Error(), "Go ") || len(err.Error()) > 1100 {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := op.Run(t.Context(), nil); err != nil {
		t.Errorf("no body: %v", err)
	}
}

func FuzzCBOROp(f *testing.F) {
	whole := encoded(f, map[string]any{"Name": "x", "Count": 3, "Weight": 2.5, "On": true, "When": cbor.Tag{Number: 1, Content: 1529870369.986},
		"Tags": []map[string]string{{"Key": "k", "Value": "v"}}, "Nested": map[string]any{"Inner": map[string]any{"Deep": "d"}}, "Settings": map[string]string{"a": "b"}})
	f.Add(whole)
	for i := 0; i < len(whole); i += 5 {
		f.Add(whole[:i])
	}
	for _, text := range []string{"bf644e616d65617861ff", "a1645768656ec11b7fffffffffffffff", "a1645768656ec1fb7ff8000000000000", "9f9f9f9f", "a16454616773 9bffffffffffffffff"} {
		seed, _ := hex.DecodeString(strings.ReplaceAll(text, " ", ""))
		f.Add(seed)
	}
	op := wire.CBOROp(func(_ context.Context, in *shape) (*shape, error) { return in, nil })
	f.Fuzz(func(t *testing.T, body []byte) {
		out, err := op.Run(t.Context(), body)
		if err != nil {
			if errs.CodeOf(err) != "SerializationException" {
				t.Errorf("%x: %v", body, err)
			}
			return
		}
		if _, err := op.Run(t.Context(), encoded(t, out)); err != nil {
			t.Errorf("%x can't be read back: %v", body, err)
		}
	})
}
