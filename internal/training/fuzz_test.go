package training

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/heliograph/heliograph/internal/jobs"
)

// What parseHyperParameters lets pass, the engine must take.
func FuzzHyperParameters(f *testing.F) {
	f.Add(`{"mode":"supervised"}`)
	f.Add(`{"mode":"supervised","epochs":"10","min_count":"2","learning_rate":"0.05","vector_dim":"10","early_stopping":"True","patience":"4","min_epochs":"5","word_ngrams":"2"}`)
	f.Add(`{"mode":"supervised","buckets":"2147483647","word_ngrams":"16","loss":"ova","min_char":"1","max_char":"64","label_prefix":"#"}`)
	f.Add(`{"mode":"supervised","learning_rate":"1e308","seed":"2147483647","threads":"1024"}`)
	f.Add(`{"mode":"cbow","epochs":"-1"}`)
	f.Add(`{"mode":"skipgram","subwords":"True","min_char":"1","max_char":"64","window_size":"1000","sampling_threshold":"1e-9","negative_samples":"1000"}`)
	f.Add(`{"mode":"batch_skipgram","batch_size":"32","evaluation":"false","vector_dim":"2048"}`)
	f.Fuzz(func(t *testing.T, text string) {
		var given map[string]string
		if json.Unmarshal([]byte(text), &given) != nil {
			return
		}
		p, err := parseHyperParameters(given)
		if err != nil {
			return
		}
		if err := p.args(2).Validate(); err != nil {
			t.Errorf("%s: %v", text, err)
		}
		if n := p.hashed(); n < 0 || n > 1<<31 {
			t.Errorf("%s: %d rows", text, n)
		}
	})
}

// specSeed is a job that is accepted.
const specSeed = `{"TrainingJobName":"a","RoleArn":"arn:aws:iam::000000000000:role/R","AlgorithmSpecification":{"TrainingImage":"blazingtext","TrainingInputMode":"File"},` +
	`"HyperParameters":{"mode":"supervised"},"OutputDataConfig":{"S3OutputPath":"s3://b/p"},"ResourceConfig":{"InstanceType":"ml.c5.large","InstanceCount":1},` +
	`"InputDataConfig":[{"ChannelName":"train","DataSource":{"S3DataSource":{"S3DataType":"S3Prefix","S3Uri":"s3://b/t"}}}],"StoppingCondition":{"MaxRuntimeInSeconds":1}}`

// Whatever is sent, validate answers; what it accepts has a place for its model.
func FuzzSpec(f *testing.F) {
	f.Add([]byte(specSeed))
	f.Add([]byte(`{"TrainingJobName":"a","Tags":[{}],"InputDataConfig":[{}]}`))
	f.Fuzz(func(t *testing.T, body []byte) {
		var s Spec
		if json.Unmarshal(body, &s) != nil {
			return
		}
		if _, err := s.validate(); err != nil {
			if len(err.Error()) > 10000 {
				t.Errorf("a message of %d bytes", len(err.Error()))
			}
			return
		}
		if bucket, key, err := s.artifact(); err != nil || bucket == "" || !strings.Contains(key, s.TrainingJobName+"/output/model") {
			t.Errorf("%q: %q %q %v", body, bucket, key, err)
		}
	})
}

// Counting bytes that aren't UTF-8 doesn't depend on where reads cut the text.
func FuzzInvalidBytes(f *testing.F) {
	f.Add([]byte("caf\xc3\xa9 \xff\xf0\x9f\x98\x80 \xe2\x82"), uint8(1))
	f.Add([]byte("\xf0\x9f\x98\xf0\x9f\x98\x80\xe2\x28\xa1"), uint8(3))
	f.Fuzz(func(t *testing.T, text []byte, step uint8) {
		var want int64
		for rest := text; len(rest) > 0; {
			c, size := utf8.DecodeRune(rest)
			if c == utf8.RuneError && size == 1 {
				want++
			}
			rest = rest[size:]
		}
		r := textReader{limit: 1 << 40, channel: &channel{name: "train"}}
		n := int(step%7) + 1
		for rest := text; len(rest) > 0; {
			m := min(n, len(rest))
			r.account(rest[:m])
			rest = rest[m:]
		}
		r.finish()
		if r.invalid != want || r.total != int64(len(text)) {
			t.Errorf("%q in steps of %d: %d invalid, want %d", text, n, r.invalid, want)
		}
	})
}

func TestRelative(t *testing.T) {
	t.Parallel()
	for _, c := range [][3]string{
		{"", "a", "a"}, {"", "a/b", "a/b"}, {"a", "a", "a"}, {"a", "a/b", "b"}, {"a/", "a/b", "b"},
		{"a", "ab", "ab"}, {"x/tr", "x/train/t", "train/t"}, {"x/train", "x/train/y/z", "y/z"}, {"x/t", "x/t", "t"},
	} {
		if got := jobs.Relative(c[0], c[1]); got != c[2] {
			t.Errorf("jobs.Relative(%q, %q) = %q, want %q", c[0], c[1], got, c[2])
		}
	}
}

// What the manifests of users hold is used or refused.
func FuzzManifest(f *testing.F) {
	f.Add([]byte(`[{"prefix":"s3://b/p/"},"a","b/c"]`))
	f.Add([]byte(`[{"prefix":null},1]`))
	f.Fuzz(func(t *testing.T, text []byte) {
		if _, names, err := parseManifest(text); err == nil && len(names) == 0 {
			t.Errorf("%q: no names and no error", text)
		}
	})
}

// A line of an augmented manifest makes one line of text, or none.
func FuzzAugmented(f *testing.F) {
	f.Add([]byte(`{"source":"my card was charged","label":1}`))
	f.Add([]byte(`{"source":"a\nb __label__c","label":["x",2.0,"__label__y"]}`))
	f.Add([]byte(`{"source":null,"label":[null]}`))
	a := newAugmented([]string{"source", "label"}, "__label__", "")
	f.Fuzz(func(t *testing.T, line []byte) {
		out, err := a.convert(nil, line, nil)
		if err == nil && (bytes.Count(out, []byte("\n")) != 1 || out[len(out)-1] != '\n') {
			t.Errorf("%q makes %q", line, out)
		}
	})
}
