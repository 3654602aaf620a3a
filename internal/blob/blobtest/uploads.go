package blobtest

import (
	"bytes"
	"crypto/md5"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"fmt"
	"hash/crc32"
	"maps"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/heliograph/heliograph/internal/blob"
)

func (f *fixture) mustUpload(t *testing.T, key string, opt blob.PutOptions) blob.UploadRef {
	t.Helper()
	up, err := f.CreateUpload(f.ctx, bucket, key, opt)
	if err != nil {
		t.Fatalf("create an upload of %q: %v", key, err)
	}
	return up.UploadRef
}

func (f *fixture) mustPart(t *testing.T, up blob.UploadRef, number int, content []byte) blob.Part {
	t.Helper()
	part, err := f.PutPart(f.ctx, up, number, bytes.NewReader(content), blob.Checks{})
	if err != nil {
		t.Fatalf("put part %d: %v", number, err)
	}
	if part.Number != number || part.Size != int64(len(content)) || part.ETag != md5Hex(string(content)) {
		t.Fatalf("part %d is %+v", number, part)
	}
	return part
}

func testUpload(t *testing.T, f *fixture) {
	f.mustPut(t, "dir/big", "old")
	opt := blob.PutOptions{ContentType: "x/y", Headers: map[string]string{"expires": "never"}, Metadata: map[string]string{"m": "1"}}
	up := f.mustUpload(t, "dir/big", opt)
	contents := map[int][]byte{1: random(blob.MinPartSize, 1), 3: random(blob.MinPartSize+7, 3), 10000: random(9, 9)}
	var wg sync.WaitGroup
	for number, content := range contents {
		wg.Go(func() { f.mustPart(t, up, number, content) })
	}
	wg.Wait()
	f.mustPart(t, up, 2, []byte("a part that the completion leaves out"))
	f.mustPart(t, up, 1, []byte("a part that is uploaded again"))
	f.mustPart(t, up, 1, contents[1])

	page, err := f.ListParts(f.ctx, up, 0, 3)
	if err != nil || !page.Truncated || page.Next != 3 || len(page.Parts) != 3 || page.Upload.Options.ContentType != "x/y" {
		t.Fatalf("first page of parts: %+v, %v", page, err)
	}
	if page, err = f.ListParts(f.ctx, up, page.Next, 3); err != nil || page.Truncated || len(page.Parts) != 1 || page.Parts[0].Number != 10000 || page.Parts[0].ETag != md5Hex(string(contents[10000])) {
		t.Fatalf("second page of parts: %+v, %v", page, err)
	}
	if got := f.mustGet(t, "dir/big"); got != "old" {
		t.Fatalf("before the completion the object is %q", got)
	}

	var whole, sums []byte
	var list []blob.Part
	for _, number := range slices.Sorted(maps.Keys(contents)) {
		whole = append(whole, contents[number]...)
		sum := md5.Sum(contents[number])
		sums = append(sums, sum[:]...)
		list = append(list, blob.Part{Number: number, ETag: md5Hex(string(contents[number]))})
	}
	list[2].ETag = "" // matches any
	info, err := f.CompleteUpload(f.ctx, up, list, blob.PutOptions{})
	if err != nil {
		t.Fatal(err)
	}
	if want := md5Hex(string(sums)) + "-3"; info.ETag != want || info.Size != int64(len(whole)) {
		t.Errorf("completed: %+v, want the ETag %s", info, want)
	}
	stat, err := f.Stat(f.ctx, bucket, "dir/big")
	sizes := []int64{blob.MinPartSize, blob.MinPartSize + 7, 9}
	if err != nil || stat.ETag != info.ETag || stat.ContentType != "x/y" || stat.Headers["expires"] != "never" || stat.Metadata["m"] != "1" || stat.Parts != 3 || !slices.Equal(stat.PartSizes, sizes) {
		t.Errorf("stat: %+v, %v", stat, err)
	}
	if got := f.mustGet(t, "dir/big"); got != string(whole) {
		t.Errorf("the object's %d bytes differ from the parts' %d", len(got), len(whole))
	}
	_, err = f.ListParts(f.ctx, up, 0, 0)
	wantCode(t, err, blob.CodeNoSuchUpload)
	_, err = f.PutPart(f.ctx, up, 1, strings.NewReader("late"), blob.Checks{})
	wantCode(t, err, blob.CodeNoSuchUpload)

	src, err := f.Open(f.ctx, bucket, "dir/big")
	if err != nil {
		t.Fatal(err)
	}
	defer src.Close()
	copied, err := f.Copy(f.ctx, src, bucket, "copy", src.Info().PutOptions())
	if err != nil || copied.ETag != md5Hex(string(whole)) || copied.Parts != 0 {
		t.Errorf("the copy of an object of parts is %+v, %v", copied, err)
	}
}

func testUploadErrors(t *testing.T, f *fixture) {
	_, err := f.CreateUpload(f.ctx, "absent", "k", blob.PutOptions{})
	wantCode(t, err, blob.CodeNoSuchBucket)
	up := f.mustUpload(t, "k", blob.PutOptions{})
	small := f.mustPart(t, up, 1, []byte("small"))
	last := f.mustPart(t, up, 2, []byte("last"))
	for _, number := range []int{-1, 0, 10001} {
		_, err := f.PutPart(f.ctx, up, number, strings.NewReader("x"), blob.Checks{})
		wantCode(t, err, blob.CodeInvalidArgument)
	}
	_, err = f.PutPart(f.ctx, up, 2, strings.NewReader("x"), blob.Checks{MD5: make([]byte, 16)})
	wantCode(t, err, blob.CodeBadDigest)

	for name, tt := range map[string]struct {
		parts []blob.Part
		opt   blob.PutOptions
		code  string
	}{
		"none":          {nil, blob.PutOptions{}, blob.CodeMalformedXML},
		"too small":     {[]blob.Part{small, last}, blob.PutOptions{}, blob.CodeEntityTooSmall},
		"absent":        {[]blob.Part{small, {Number: 3}}, blob.PutOptions{}, blob.CodeInvalidPart},
		"other etag":    {[]blob.Part{{Number: 1, ETag: last.ETag}}, blob.PutOptions{}, blob.CodeInvalidPart},
		"descending":    {[]blob.Part{last, small}, blob.PutOptions{}, blob.CodeInvalidPartOrder},
		"twice":         {[]blob.Part{small, small}, blob.PutOptions{}, blob.CodeInvalidPartOrder},
		"number 0":      {[]blob.Part{{Number: 0}}, blob.PutOptions{}, blob.CodeInvalidArgument},
		"if-match":      {[]blob.Part{last}, blob.PutOptions{IfMatch: "x"}, blob.CodeNoSuchKey},
		"no checksum":   {[]blob.Part{last}, blob.PutOptions{Checks: blob.Checks{Checksums: map[string]string{"crc32": "AAAAAA=="}}}, blob.CodeInvalidRequest},
		"part checksum": {[]blob.Part{{Number: 1, Checksums: map[string]string{"crc16": "?"}}}, blob.PutOptions{}, blob.CodeInvalidRequest},
	} {
		if _, err := f.CompleteUpload(f.ctx, up, tt.parts, tt.opt); err == nil {
			t.Errorf("%s: completed", name)
		} else {
			wantCode(t, err, tt.code)
		}
	}
	_, err = f.Stat(f.ctx, bucket, "k")
	wantCode(t, err, blob.CodeNoSuchKey)

	for _, ref := range []blob.UploadRef{
		{Bucket: bucket, Key: "other", ID: up.ID}, {Bucket: bucket, Key: "k", ID: "absent"}, {Bucket: bucket, Key: "k", ID: "../../x"},
		{Bucket: bucket, Key: "k", ID: ""}, {Bucket: bucket, Key: "k", ID: strings.Repeat("0", 32)}, {Bucket: "absent", Key: "k", ID: up.ID},
	} {
		code := blob.CodeNoSuchUpload
		if ref.Bucket == "absent" {
			code = blob.CodeNoSuchBucket
		}
		_, err := f.PutPart(f.ctx, ref, 1, strings.NewReader("x"), blob.Checks{})
		wantCode(t, err, code)
		_, err = f.ListParts(f.ctx, ref, 0, 0)
		wantCode(t, err, code)
		_, err = f.CompleteUpload(f.ctx, ref, []blob.Part{small}, blob.PutOptions{})
		wantCode(t, err, code)
		wantCode(t, f.AbortUpload(f.ctx, ref), code)
	}

	f.mustPut(t, "k", "now there is one")
	_, err = f.CompleteUpload(f.ctx, up, []blob.Part{small}, blob.PutOptions{IfNoneMatch: true})
	wantCode(t, err, blob.CodePreconditionFailed)
	if err := f.AbortUpload(f.ctx, up); err != nil {
		t.Fatal(err)
	}
	wantCode(t, f.AbortUpload(f.ctx, up), blob.CodeNoSuchUpload)
	if got := f.mustGet(t, "k"); got != "now there is one" {
		t.Errorf("the object is %q", got)
	}
}

func testUploadChecksums(t *testing.T, f *fixture) {
	a, b := random(blob.MinPartSize, 1), random(12345, 2)
	whole := append(slices.Clone(a), b...)
	crc := func(p []byte) string {
		return base64.StdEncoding.EncodeToString(binary.BigEndian.AppendUint32(nil, crc32.ChecksumIEEE(p)))
	}
	sha := func(p []byte) []byte { s := sha256.Sum256(p); return s[:] }
	for name, tt := range map[string]struct {
		opt  blob.PutOptions
		want map[string]string
	}{
		"full object": {
			blob.PutOptions{FullObject: true, Checks: blob.Checks{Algorithms: []string{"crc32"}}},
			map[string]string{"crc32": crc(whole)},
		},
		"composite": {
			blob.PutOptions{Checks: blob.Checks{Algorithms: []string{"sha256"}}},
			map[string]string{"sha256": base64.StdEncoding.EncodeToString(sha(append(sha(a), sha(b)...))) + "-2"},
		},
		"none": {blob.PutOptions{}, map[string]string{}},
	} {
		up := f.mustUpload(t, name, tt.opt)
		parts := []blob.Part{f.mustPart(t, up, 1, a), f.mustPart(t, up, 2, b)}
		for _, algorithm := range tt.opt.Algorithms {
			wrong := map[string]string{algorithm: parts[1].Checksums[algorithm]}
			_, err := f.CompleteUpload(f.ctx, up, []blob.Part{{Number: 1, Checksums: wrong}, parts[1]}, blob.PutOptions{})
			wantCode(t, err, blob.CodeInvalidPart)
			_, err = f.CompleteUpload(f.ctx, up, parts, blob.PutOptions{Checks: blob.Checks{Checksums: wrong}})
			wantCode(t, err, blob.CodeBadDigest)
		}
		info, err := f.CompleteUpload(f.ctx, up, parts, blob.PutOptions{Checks: blob.Checks{Checksums: tt.want}})
		if err != nil || !maps.Equal(info.Checksums, tt.want) {
			t.Errorf("%s: checksums are %v, %v; want %v", name, info.Checksums, err, tt.want)
		}
	}
	_, err := f.CreateUpload(f.ctx, bucket, "k", blob.PutOptions{FullObject: true, Checks: blob.Checks{Algorithms: []string{"sha256"}}})
	wantCode(t, err, blob.CodeInvalidRequest)
	_, err = f.CreateUpload(f.ctx, bucket, "k", blob.PutOptions{Checks: blob.Checks{Algorithms: []string{"crc16"}}})
	wantCode(t, err, blob.CodeInvalidRequest)
}

// testRepeatedCompletion repeats completions, as clients do whose connection
// broke before the answer came, one after the other and at once.
func testRepeatedCompletion(t *testing.T, f *fixture) {
	up := f.mustUpload(t, "k", blob.PutOptions{})
	parts := []blob.Part{f.mustPart(t, up, 1, []byte("content"))}
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			if info, err := f.CompleteUpload(f.ctx, up, parts, blob.PutOptions{}); err != nil || info.Size != 7 || info.Parts != 1 {
				t.Errorf("completed: %+v, %v", info, err)
			}
		})
	}
	wg.Wait()
	f.mustPut(t, "k", "newer")
	_, err := f.CompleteUpload(f.ctx, up, parts, blob.PutOptions{})
	wantCode(t, err, blob.CodeNoSuchUpload)
	if got := f.mustGet(t, "k"); got != "newer" {
		t.Errorf("the object is %q", got)
	}
}

func testListUploads(t *testing.T, f *fixture) {
	var ids []string
	for _, key := range []string{"b", "a/x", "b", "c", "a/y", "b"} {
		ids = append(ids, f.mustUpload(t, key, blob.PutOptions{}).ID)
	}
	list := func(opt blob.ListUploadsOptions) (got []string) {
		t.Helper()
		for {
			page, err := f.ListUploads(f.ctx, bucket, opt)
			if err != nil {
				t.Fatal(err)
			}
			for _, up := range page.Uploads {
				got = append(got, fmt.Sprintf("%s:%d", up.Key, slices.Index(ids, up.ID)))
			}
			got = append(got, page.CommonPrefixes...)
			if !page.Truncated {
				return got
			}
			opt.AfterKey, opt.AfterUpload = page.NextKey, page.NextUpload
		}
	}
	for _, tt := range []struct {
		opt  blob.ListUploadsOptions
		want string
	}{
		{blob.ListUploadsOptions{}, "[a/x:1 a/y:4 b:0 b:2 b:5 c:3]"},
		{blob.ListUploadsOptions{Prefix: "a"}, "[a/x:1 a/y:4]"},
		{blob.ListUploadsOptions{AfterKey: "a/x"}, "[a/y:4 b:0 b:2 b:5 c:3]"},
		{blob.ListUploadsOptions{AfterKey: "b", AfterUpload: ids[0]}, "[b:2 b:5 c:3]"},
	} {
		for _, size := range []int{0, 1, 2} {
			tt.opt.Max = size
			if got := fmt.Sprint(list(tt.opt)); got != tt.want {
				t.Errorf("list %+v: %s, want %s", tt.opt, got, tt.want)
			}
		}
	}
	for _, size := range []int{1, 2} {
		if got := fmt.Sprint(list(blob.ListUploadsOptions{Delimiter: "/", Max: size})); got != "[a/ b:0 b:2 b:5 c:3]" && got != "[b:0 a/ b:2 b:5 c:3]" {
			t.Errorf("with a delimiter, in pages of %d: %s", size, got)
		}
	}
}
