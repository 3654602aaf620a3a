package serving_test

import (
	"archive/tar"
	"bytes"
	"encoding/binary"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"github.com/heliograph/heliograph/fasttext"
	"github.com/heliograph/heliograph/internal/serving"
)

// TestArtifacts deploys what people and attackers upload.
func TestArtifacts(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	model := trained(t, "red", "blue")
	whole := packed(t, model)
	many := make([]file, 1100)
	for i := range many {
		many[i] = file{name: fmt.Sprintf("f%d", i), content: []byte("x")}
	}
	zeros := make([]byte, 65<<20)
	binary.LittleEndian.PutUint32(zeros, 793712314)
	crafted := bytes.Clone(model)
	binary.LittleEndian.PutUint32(crafted[64:], 1<<30) // a dictionary size that the file can't hold
	flipped := bytes.Clone(whole)
	flipped[len(flipped)/2] ^= 0xff
	badBlock := bytes.Clone(whole)
	badBlock[10] = 0x07 // behind the gzip header: a block of the type that there is none of
	checksum := bytes.Clone(whole)
	checksum[len(checksum)-6] ^= 0xff
	for name, c := range map[string]struct {
		object []byte
		reason string // "": in service
	}{
		"tar-gz":           {whole, ""},
		"tar":              {tarOf(t, file{name: "model.bin", content: model}), ""},
		"bare":             {model, ""},
		"bare-gz":          {gzipped(t, model), ""},
		"dot-slash":        {gzipped(t, tarOf(t, file{name: "./", flag: tar.TypeDir}, file{name: "./model.bin", content: model})), ""},
		"beside-others":    {gzipped(t, tarOf(t, file{name: "eval.json", content: []byte("{}")}, file{name: "code/x.py", content: []byte("x")}, file{name: "model.bin", content: model}, file{name: "labels.txt", content: []byte("x")})), ""},
		"model-wins":       {gzipped(t, tarOf(t, file{name: "vectors.bin", content: []byte("not a model")}, file{name: "model.bin", content: model})), ""},
		"model-wins-first": {gzipped(t, tarOf(t, file{name: "model.bin", content: model}, file{name: "vectors.bin", content: []byte("not a model")})), ""},
		"other-link":       {gzipped(t, tarOf(t, file{name: "latest", flag: tar.TypeSymlink, link: "/etc/passwd"}, file{name: "model.bin", content: model})), ""},
		"two-gzip-members": {append(gzipped(t, tarOf(t, file{name: "model.bin", content: model})[:700]), gzipped(t, tarOf(t, file{name: "model.bin", content: model})[700:])...), ""},

		"empty":             {[]byte{}, "The object is empty."},
		"empty-gz":          {gzipped(t, nil), "The object is empty."},
		"text":              {[]byte("hello, world"), "neither a tar archive nor a fastText model"},
		"long-text":         {bytes.Repeat([]byte("hello, world\n"), 1000), "neither a tar archive nor a fastText model"},
		"no-model":          {gzipped(t, tarOf(t, file{name: "other.bin", content: model})), "no model.bin at its root. Make one with: tar"},
		"nothing-in-it":     {gzipped(t, tarOf(t)), "no model.bin at its root"},
		"in-a-folder":       {gzipped(t, tarOf(t, file{name: "model/model.bin", content: model})), "in a folder (model/model.bin)"},
		"dot-dot":           {gzipped(t, tarOf(t, file{name: "../model.bin", content: model})), "leads out of the archive"},
		"dot-dot-other":     {gzipped(t, tarOf(t, file{name: "a/../../../etc/cron.d/x", content: []byte("x")}, file{name: "model.bin", content: model})), "leads out of the archive"},
		"absolute":          {gzipped(t, tarOf(t, file{name: "/model.bin", content: model})), "is an absolute name"},
		"backslash":         {gzipped(t, tarOf(t, file{name: `..\model.bin`, content: model})), "characters that are not for names"},
		"symlink":           {gzipped(t, tarOf(t, file{name: "model.bin", flag: tar.TypeSymlink, link: "/etc/passwd"})), "model.bin is not a regular file but a link"},
		"hard-link":         {gzipped(t, tarOf(t, file{name: "model.bin", flag: tar.TypeLink, link: "records.db"})), "model.bin is not a regular file but a link"},
		"device":            {gzipped(t, tarOf(t, file{name: "model.bin", flag: tar.TypeChar})), "not a regular file but a device"},
		"pipe":              {gzipped(t, tarOf(t, file{name: "model.bin", flag: tar.TypeFifo})), "not a regular file but a pipe"},
		"folder":            {gzipped(t, tarOf(t, file{name: "model.bin/", flag: tar.TypeDir})), "not a regular file but a folder"},
		"twice":             {gzipped(t, tarOf(t, file{name: "model.bin", content: model}, file{name: "./model.bin", content: model})), "holds model.bin twice"},
		"many-entries":      {gzipped(t, tarOf(t, many...)), "more than 1000 entries"},
		"bomb":              {gzipped(t, tarOf(t, file{name: "model.bin", content: zeros})), "larger than the 67108864 bytes"},
		"bare-bomb":         {gzipped(t, zeros), "larger than the 67108864 bytes"},
		"truncated-gz":      {whole[:len(whole)-20], "truncated"},
		"truncated-early":   {whole[:40], "truncated"},
		"truncated-head":    {whole[:5], "truncated"},
		"truncated-tar":     {tarOf(t, file{name: "model.bin", content: model})[:700], "truncated"},
		"flipped-bits":      {flipped, "cannot be used"}, // in which way, depends on the bits
		"bad-block":         {badBlock, "damaged"},
		"wrong-checksum":    {checksum, "damaged"},
		"not-a-model":       {gzipped(t, tarOf(t, file{name: "model.bin", content: []byte("not a model")})), "holds no model that can be loaded"},
		"empty-model":       {gzipped(t, tarOf(t, file{name: "model.bin"})), "holds no model that can be loaded"},
		"truncated-model":   {gzipped(t, tarOf(t, file{name: "model.bin", content: model[:len(model)-9]})), "holds no model that can be loaded"},
		"crafted-model":     {gzipped(t, tarOf(t, file{name: "model.bin", content: crafted})), "holds no model that can be loaded"},
		"half-a-dictionary": {model[:70], "holds no model that can be loaded"},
	} {
		url := h.put(name, c.object)
		h.model(name, url)
		h.config(name, variantOf(name, 1))
		h.create(name, name)
		e := h.await(name)
		switch {
		case c.reason == "" && (e.EndpointStatus != serving.InService || h.top(name, "blue") != "__label__blue"):
			t.Errorf("%s: %s: %s", name, e.EndpointStatus, e.FailureReason)
		case c.reason != "" && (e.EndpointStatus != serving.Failed || !strings.Contains(e.FailureReason, c.reason) || !strings.Contains(e.FailureReason, url)):
			t.Errorf("%s: %s: %s; want %q", name, e.EndpointStatus, e.FailureReason, c.reason)
		}
		if c.reason != "" {
			h.logLines(name, c.reason)
		}
	}
	if left := h.files(); len(left) != 1 { // the good ones hold the same model
		t.Errorf("files left: %v", left)
	}
}

// TestUncompressedSource serves what the newer SDKs call an uncompressed model.
func TestUncompressedSource(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	h.put("folder/model.bin", trained(t, "red", "blue"))
	for name, source := range map[string]serving.S3ModelDataSource{
		"prefix": {S3Uri: "s3://models/folder/", S3DataType: "S3Prefix", CompressionType: "None"},
		"object": {S3Uri: "s3://models/folder/model.bin", S3DataType: "S3Object", CompressionType: "None"},
	} {
		_, err := h.CreateModel(t.Context(), serving.Model{ModelName: name, PrimaryContainer: &serving.Container{
			Image: "blazingtext", ModelDataSource: &serving.ModelDataSource{S3DataSource: &source}}})
		if err != nil {
			t.Fatal(err)
		}
		h.config(name, variantOf(name, 1))
		h.create(name, name)
		if e := h.await(name); e.EndpointStatus != serving.InService || h.top(name, "red") != "__label__red" {
			t.Errorf("%s: %s: %s", name, e.EndpointStatus, e.FailureReason)
		}
	}
}

// TestObjectReplacedMeanwhile: an endpoint goes on with what it was created with,
// also after a restart.
func TestObjectReplacedMeanwhile(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	h.deploy("first", h.put("m.tar.gz", packed(t, trained(t, "red", "blue"))))
	h.put("m.tar.gz", packed(t, trained(t, "red", "blue", "green")))
	h.deploy("second", "s3://models/m.tar.gz")
	h = h.restart(nil)
	for endpoint, want := range map[string]int{"first": 2, "second": 3} {
		answer, err := h.invoke(endpoint, asJSON, `{"instances": ["red"], "configuration": {"k": 9}}`)
		if got := strings.Count(answer, "__label__"); err != nil || got != want {
			t.Errorf("%s has %d labels, want %d (%v)", endpoint, got, want, err)
		}
	}
}

// TestCalibratedModel serves an archive with a calibration beside the model.
func TestCalibratedModel(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	content := trained(t, "red", "blue")
	m, err := fasttext.Load(bytes.NewReader(content))
	if err != nil {
		t.Fatal(err)
	}
	calibration, err := m.Calibrate(t.Context(), func(yield func(string, []string) bool) {
		for i := range 100 { // right three times out of four
			if !yield([]string{"red", "blue"}[i%2], []string{"__label__" + []string{"red", "blue", "red", "blue", "blue", "blue", "red", "red"}[i%8]}) {
				return
			}
		}
	})
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "c.json")
	if err := calibration.SaveFile(path); err != nil {
		t.Fatal(err)
	}
	beside, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	want, err := m.WithCalibration(calibration)
	if err != nil {
		t.Fatal(err)
	}
	archive := func(model, calibration []byte) []byte {
		return gzipped(t, tarOf(t, file{name: "model.bin.calibration.json", content: calibration}, file{name: "model.bin", content: model}))
	}
	h.deploy("plain", h.put("plain.tar.gz", packed(t, content)))
	h.deploy("calibrated", h.put("calibrated.tar.gz", archive(content, beside)))
	check := func(h *house) {
		t.Helper()
		for endpoint, model := range map[string]*fasttext.Model{"plain": m, "calibrated": want} {
			p := model.Predict(nil, "red", 1, 0)[0]
			answer, err := h.invoke(endpoint, asJSON, `{"instances": ["red"]}`)
			if expected := fmt.Sprintf(`[{"label": ["%s"], "prob": [%s]}]`, p.Label, serving.AppendFloat(nil, float64(p.Prob))); err != nil || answer != expected {
				t.Errorf("%s says %s, want %s (%v)", endpoint, answer, expected, err)
			}
		}
	}
	runtime.GC() // what only the uncalibrated view of the model held must not go
	check(h)
	again := h.restart(nil)
	runtime.GC()
	check(again)

	for name, c := range map[string]struct {
		content []byte
		want    string
	}{
		"other":  {archive(trained(t, "up", "down"), beside), "was not made for the model beside it"},
		"broken": {archive(content, []byte("{}")), "not a calibration"},
	} {
		if e := again.deploy(name, again.put(name, c.content)); e.EndpointStatus != serving.Failed || !strings.Contains(e.FailureReason, c.want) {
			t.Errorf("%s: %+v", name, e)
		}
	}
	for _, name := range []string{"plain", "calibrated", "other", "broken"} {
		if err := again.DeleteEndpoint(t.Context(), name); err != nil {
			t.Fatal(err)
		}
		again.awaitGone(name)
	}
	if left := again.files(); len(left) != 0 {
		t.Errorf("files left: %v", left)
	}
}
