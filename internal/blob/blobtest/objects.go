package blobtest

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"maps"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/heliograph/heliograph/internal/blob"
)

func testPutAndOpen(t *testing.T, f *fixture) {
	for _, size := range []int{0, 1, 100, 4095, 4096, 256 << 10, 256<<10 + 1, 3 << 20} {
		content := string(random(size, uint64(size)))
		key := fmt.Sprintf("sizes/%d", size)
		before := time.Now().Add(-time.Second)
		put := f.mustPut(t, key, content)
		if put.Bucket != bucket || put.Key != key || put.Size != int64(size) || put.ETag != md5Hex(content) || put.Modified.Before(before) {
			t.Errorf("put %d bytes: %+v", size, put)
		}
		if got := f.mustGet(t, key); got != content {
			t.Errorf("%d bytes come back as %d different ones", size, len(got))
		}
		stat, err := f.Stat(f.ctx, bucket, key)
		if err != nil || stat.ETag != put.ETag || stat.Size != put.Size || !stat.Modified.Equal(put.Modified) || stat.Modified.Location() != time.UTC {
			t.Errorf("stat: %+v, %v; put: %+v", stat, err, put)
		}
	}

	content := "0123456789"
	f.mustPut(t, "seek", content)
	o, err := f.Open(f.ctx, bucket, "seek")
	if err != nil {
		t.Fatal(err)
	}
	defer o.Close()
	p := make([]byte, 4)
	if n, err := o.ReadAt(p, 8); n != 2 || err != io.EOF || string(p[:n]) != "89" {
		t.Errorf("ReadAt past the end: %d %v %q", n, err, p[:n])
	}
	if at, err := o.Seek(-3, io.SeekEnd); at != 7 || err != nil {
		t.Errorf("Seek: %d, %v", at, err)
	}
	if b, err := io.ReadAll(o); string(b) != "789" || err != nil {
		t.Errorf("after Seek: %q, %v", b, err)
	}
}

func testMetadata(t *testing.T, f *fixture) {
	opt := blob.PutOptions{
		ContentType: "text/html; charset=utf-8",
		Headers:     map[string]string{"cache-control": "no-cache", "content-encoding": "gzip", "content-disposition": `attachment; filename="é.txt"`},
		Metadata:    map[string]string{"author": "Grüße", "binary": "\xff\xfe", "empty": "", "weird:name": "x=y"},
		Checks:      blob.Checks{Algorithms: []string{"crc32", "sha256"}},
	}
	if _, err := f.Put(f.ctx, bucket, "k", strings.NewReader("hello"), opt); err != nil {
		t.Fatal(err)
	}
	info, err := f.Stat(f.ctx, bucket, "k")
	if err != nil {
		t.Fatal(err)
	}
	sums := map[string]string{"crc32": "NhCmhg==", "sha256": "LPJNul+wow4m6DsqxbninhsWHlwfp0JecwQzYpOLmCQ="}
	if info.ContentType != opt.ContentType || !maps.Equal(info.Headers, opt.Headers) || !maps.Equal(info.Metadata, opt.Metadata) || !maps.Equal(info.Checksums, sums) {
		t.Errorf("metadata came back as %+v", info)
	}
	page := f.mustList(t, blob.ListOptions{})
	if len(page.Objects) != 1 || page.Objects[0].ETag != md5Hex("hello") || page.Objects[0].Size != 5 {
		t.Errorf("listed as %+v", page.Objects)
	}
	f.mustPut(t, "k", "hello") // an overwrite takes the old metadata away
	if info, err := f.Stat(f.ctx, bucket, "k"); err != nil || info.ContentType != "" || len(info.Metadata)+len(info.Headers)+len(info.Checksums) != 0 {
		t.Errorf("after overwriting: %+v, %v", info, err)
	}
	_, err = f.Put(f.ctx, bucket, "k", strings.NewReader(""), blob.PutOptions{Metadata: map[string]string{"k": strings.Repeat("v", 2048)}})
	wantCode(t, err, blob.CodeMetadataTooLarge)
}

// trickyKeys are keys that trip file systems, path cleaning and escaping; each
// must be an object of its own.
func trickyKeys() []string {
	keys := []string{
		"a", "a/b", "a/b/c", "a/", "/a", "/", "//", "///", "a//b", "a///b", ".", "..", "../..", "../../etc/passwd", "./a", "a/.", "a/..", "a/../b",
		"A", "aA", "Aa", "con", "nul", "CON", "a.", "a ", " a", "a\\b", "a:b", "a*b?", "a|b", "<a>", `"a"`, "'a'", "a%b", "a%2Fb", "%", "%2e", "%00",
		"a\x00b", "\x01", "a\nb", "a\rb", "a\tb", "\x7f", "é", "e\u0301", "É", "日本語/キー", "🙂", "a#", "a#b", "#", "a+", "a+b", "+", "^a", "^", "~", "~a",
		"a&b=c;d", "a,b@c", "-rf", "a?versionId=1", "LOCK", "FORMAT", ".hidden", "a$b", "(a)", "[a]", "{a}", "a`b", "!a",
		strings.Repeat("x", 1024), strings.Repeat("/", 1024), strings.Repeat("é", 512), strings.Repeat("X/", 512), strings.Repeat(".", 300), strings.Repeat("../", 341),
	}
	for _, n := range []int{79, 80, 81, 159, 160, 161, 240, 255, 256} {
		c := strings.Repeat("c", n)
		keys = append(keys, c, c+"/", c+"/k", c+"-", strings.Repeat("é", n/2), "d/"+c+"/"+c)
	}
	return keys
}

func testKeys(t *testing.T, f *fixture) {
	keys := map[string]bool{}
	for _, key := range trickyKeys() {
		keys[key] = true
		if put := f.mustPut(t, key, "content of "+key); put.Key != key {
			t.Errorf("put %q as %q", key, put.Key)
		}
	}
	for key := range keys {
		if got := f.mustGet(t, key); got != "content of "+key {
			t.Errorf("%q holds %q", key, got)
		}
	}
	listed, _ := f.allKeys(t, blob.ListOptions{})
	if len(listed) != len(keys) {
		t.Errorf("%d keys are listed of %d", len(listed), len(keys))
	}
	for i, key := range listed {
		if !keys[key] {
			t.Errorf("%q is listed, but was not put", key)
		}
		if i > 0 && listed[i-1] >= key {
			t.Errorf("%q is listed before %q", listed[i-1], key)
		}
	}
	for key := range keys {
		if err := f.Delete(f.ctx, bucket, key); err != nil {
			t.Errorf("delete %q: %v", key, err)
		}
	}
	if left, _ := f.allKeys(t, blob.ListOptions{}); len(left) != 0 {
		t.Errorf("left after deleting all: %q", left)
	}
	if err := f.DeleteBucket(f.ctx, bucket); err != nil {
		t.Errorf("delete the emptied bucket: %v", err)
	}
}

func testBadKeys(t *testing.T, f *fixture) {
	for key, code := range map[string]string{
		"":                        blob.CodeInvalidArgument,
		strings.Repeat("k", 1025): blob.CodeKeyTooLong,
		"bad\xffutf8":             blob.CodeInvalidURI,
	} {
		_, err := f.Put(f.ctx, bucket, key, strings.NewReader("x"), blob.PutOptions{})
		wantCode(t, err, code)
		_, err = f.Open(f.ctx, bucket, key)
		wantCode(t, err, code)
		_, err = f.Stat(f.ctx, bucket, key)
		wantCode(t, err, code)
		wantCode(t, f.Delete(f.ctx, bucket, key), code)
		_, err = f.CreateUpload(f.ctx, bucket, key, blob.PutOptions{})
		wantCode(t, err, code)
	}
}

func testMissing(t *testing.T, f *fixture) {
	f.mustPut(t, "folder/key", "x")
	for _, key := range []string{"absent", "folder", "folder/", "folder/key/", "folder/key/below", strings.Repeat("x", 1024)} {
		_, err := f.Open(f.ctx, bucket, key)
		wantCode(t, err, blob.CodeNoSuchKey)
		_, err = f.Stat(f.ctx, bucket, key)
		wantCode(t, err, blob.CodeNoSuchKey)
	}
	for _, name := range []string{"absent", "", "..", "../x"} {
		_, err := f.Open(f.ctx, name, "key")
		wantCode(t, err, blob.CodeNoSuchBucket)
		_, err = f.Put(f.ctx, name, "key", strings.NewReader("x"), blob.PutOptions{})
		wantCode(t, err, blob.CodeNoSuchBucket)
	}
}

func testDelete(t *testing.T, f *fixture) {
	for _, key := range []string{"a", "a/b", "a/b/c"} {
		f.mustPut(t, key, key)
	}
	for range 2 { // deleting what is not there is no error
		if err := f.Delete(f.ctx, bucket, "a/b"); err != nil {
			t.Fatal(err)
		}
	}
	_, err := f.Open(f.ctx, bucket, "a/b")
	wantCode(t, err, blob.CodeNoSuchKey)
	if f.mustGet(t, "a") != "a" || f.mustGet(t, "a/b/c") != "a/b/c" {
		t.Error("deleting a/b touched its neighbours")
	}
	if err := f.Delete(f.ctx, bucket, "a/b/c"); err != nil {
		t.Fatal(err)
	}
	if page := f.mustList(t, blob.ListOptions{Delimiter: "/"}); len(page.CommonPrefixes) != 0 {
		t.Errorf("an empty folder is listed: %q", page.CommonPrefixes)
	}
}

func testOutlive(t *testing.T, f *fixture) {
	old := string(random(1<<20, 7))
	f.mustPut(t, "k", old)
	overwritten, err := f.Open(f.ctx, bucket, "k")
	if err != nil {
		t.Fatal(err)
	}
	defer overwritten.Close()
	f.mustPut(t, "k", "new")
	deleted, err := f.Open(f.ctx, bucket, "k")
	if err != nil {
		t.Fatal(err)
	}
	defer deleted.Close()
	if err := f.Delete(f.ctx, bucket, "k"); err != nil {
		t.Fatal(err)
	}
	if b, err := io.ReadAll(overwritten); string(b) != old || err != nil {
		t.Errorf("the overwritten version has %d bytes, %v", len(b), err)
	}
	if b, err := io.ReadAll(deleted); string(b) != "new" || err != nil {
		t.Errorf("the deleted version is %q, %v", b, err)
	}
}

func testFailedBody(t *testing.T, f *fixture) {
	f.mustPut(t, "old", "old content")
	broken := errors.New("connection reset")
	for _, n := range []int{0, 10, 256 << 10, 256<<10 + 10, 2 << 20} {
		for _, fault := range []error{broken, io.ErrUnexpectedEOF} {
			for _, key := range []string{"old", "new", "deep/new"} {
				_, err := f.Put(f.ctx, bucket, key, newFailing(random(n, 1), fault), blob.PutOptions{})
				wantCode(t, err, blob.CodeIncompleteBody)
				if !errors.Is(err, fault) {
					t.Errorf("the cause is missing from %v", err)
				}
			}
		}
	}
	up, err := f.CreateUpload(f.ctx, bucket, "up", blob.PutOptions{})
	if err != nil {
		t.Fatal(err)
	}
	_, err = f.PutPart(f.ctx, up.UploadRef, 1, newFailing(random(1000, 1), broken), blob.Checks{})
	wantCode(t, err, blob.CodeIncompleteBody)
	if page, err := f.ListParts(f.ctx, up.UploadRef, 0, 0); err != nil || len(page.Parts) != 0 {
		t.Errorf("parts after a failed one: %+v, %v", page, err)
	}
	keys, _ := f.allKeys(t, blob.ListOptions{})
	if len(keys) != 1 || f.mustGet(t, "old") != "old content" {
		t.Errorf("after failed writes the bucket holds %q", keys)
	}
}

func testCancelled(t *testing.T, f *fixture) {
	f.mustPut(t, "old", "old content")
	ctx, cancel := context.WithCancel(f.ctx)
	body := io.MultiReader(bytes.NewReader(random(1<<20, 1)), readerFunc(func(p []byte) (int, error) {
		cancel()
		return copy(p, "more"), nil // goes on for ever
	}))
	_, err := f.Put(ctx, bucket, "old", body, blob.PutOptions{})
	wantCode(t, err, blob.CodeRequestTimeout)
	if !errors.Is(err, context.Canceled) {
		t.Errorf("the cause is missing from %v", err)
	}
	if got := f.mustGet(t, "old"); got != "old content" {
		t.Errorf("the object is %q", got)
	}
	_, err = f.List(ctx, bucket, blob.ListOptions{})
	wantCode(t, err, blob.CodeRequestTimeout)
	wantCode(t, f.CreateBucket(ctx, "another", ""), blob.CodeRequestTimeout)
}

type readerFunc func([]byte) (int, error)

func (f readerFunc) Read(p []byte) (int, error) { return f(p) }

func testDigests(t *testing.T, f *fixture) {
	f.mustPut(t, "k", "old")
	good := "hello"
	sum := sha256.Sum256([]byte(good))
	md5sum := []byte("\x5d\x41\x40\x2a\xbc\x4b\x2a\x76\xb9\x71\x9d\x91\x10\x17\xc5\x92")
	sums := map[string]string{
		"crc32": "NhCmhg==", "crc32c": "mnG7TA==", "crc64nvme": "M3eFcAZSQlc=",
		"sha1": "qvTGHdzF6KLavt4PO0gs2a6pQ00=", "sha256": "LPJNul+wow4m6DsqxbninhsWHlwfp0JecwQzYpOLmCQ=",
	}
	checks := map[string]blob.Checks{"md5": {MD5: md5sum}, "SHA256": {SHA256: sum[:]}}
	for name, value := range sums {
		checks[name] = blob.Checks{Checksums: map[string]string{name: value}}
		checks["trailing "+name] = blob.Checks{Algorithms: []string{name}, Trailer: func() map[string]string { return map[string]string{name: value} }}
	}
	for name, check := range checks {
		_, err := f.Put(f.ctx, bucket, "k", strings.NewReader("hullo"), blob.PutOptions{Checks: check})
		if name == "SHA256" {
			wantCode(t, err, blob.CodeSHA256Mismatch)
		} else {
			wantCode(t, err, blob.CodeBadDigest)
		}
		if got := f.mustGet(t, "k"); got != "old" {
			t.Fatalf("after a bad %s the object is %q", name, got)
		}
	}
	for name, check := range checks {
		info, err := f.Put(f.ctx, bucket, "good", strings.NewReader(good), blob.PutOptions{Checks: check})
		if err != nil {
			t.Errorf("%s: %v", name, err)
		}
		algorithm := strings.TrimPrefix(name, "trailing ")
		if info.Checksums[algorithm] != sums[algorithm] {
			t.Errorf("%s: kept checksums are %v", name, info.Checksums)
		}
	}
	for _, check := range []blob.Checks{
		{Algorithms: []string{"crc16"}}, {Checksums: map[string]string{"md5": "x"}}, {Checksums: map[string]string{"crc32": "!"}},
		{Checksums: map[string]string{"crc32": sums["sha1"]}},
		{Trailer: func() map[string]string { return map[string]string{"crc32": "?"} }},
	} {
		_, err := f.Put(f.ctx, bucket, "k", strings.NewReader(good), blob.PutOptions{Checks: check})
		wantCode(t, err, blob.CodeInvalidRequest)
	}
}

func testConditions(t *testing.T, f *fixture) {
	put := func(key, content string, opt blob.PutOptions) error {
		_, err := f.Put(f.ctx, bucket, key, strings.NewReader(content), opt)
		return err
	}
	if err := put("k", "one", blob.PutOptions{IfNoneMatch: true}); err != nil {
		t.Fatal(err)
	}
	wantCode(t, put("k", "two", blob.PutOptions{IfNoneMatch: true}), blob.CodePreconditionFailed)
	wantCode(t, put("k", "two", blob.PutOptions{IfMatch: md5Hex("other")}), blob.CodePreconditionFailed)
	wantCode(t, put("absent", "two", blob.PutOptions{IfMatch: md5Hex("one")}), blob.CodeNoSuchKey)
	if got := f.mustGet(t, "k"); got != "one" {
		t.Fatalf("the object is %q", got)
	}
	for _, etag := range []string{md5Hex("one"), `"` + md5Hex("two") + `"`, "*"} {
		if err := put("k", "two", blob.PutOptions{IfMatch: etag}); err != nil {
			t.Errorf("If-Match %s: %v", etag, err)
		}
	}
}

// testConditionsRace lets many writers create one key: one may succeed. Then many
// count up by compare-and-swap: no step may get lost.
func testConditionsRace(t *testing.T, f *fixture) {
	var wg sync.WaitGroup
	won := make(chan string, 16)
	for i := range 16 {
		wg.Go(func() {
			content := fmt.Sprint(i)
			_, err := f.Put(f.ctx, bucket, "dir/k", strings.NewReader(content), blob.PutOptions{IfNoneMatch: true})
			if err == nil {
				won <- content
			}
		})
	}
	wg.Wait()
	close(won)
	if len(won) != 1 || f.mustGet(t, "dir/k") != <-won {
		t.Fatalf("%d of 16 writers created the key, which holds %q", len(won), f.mustGet(t, "dir/k"))
	}

	f.mustPut(t, "count", "")
	const writers, steps = 4, 10
	for range writers {
		wg.Go(func() {
			for done := 0; done < steps; {
				o, err := f.Open(f.ctx, bucket, "count")
				if err != nil {
					t.Error(err)
					return
				}
				b, _ := io.ReadAll(o)
				o.Close()
				_, err = f.Put(f.ctx, bucket, "count", strings.NewReader(string(b)+"x"), blob.PutOptions{IfMatch: o.Info().ETag})
				if err == nil {
					done++
				}
			}
		})
	}
	wg.Wait()
	if got := f.mustGet(t, "count"); len(got) != writers*steps {
		t.Errorf("%d steps are counted of %d", len(got), writers*steps)
	}
}

// testConcurrentPuts asserts that readers see whole versions, data with its
// metadata, while writers replace them.
func testConcurrentPuts(t *testing.T, f *fixture) {
	var writers, readers sync.WaitGroup
	version := func(i int) (string, blob.PutOptions) {
		content := string(random(1000+i*1000, uint64(i)))
		return content, blob.PutOptions{Metadata: map[string]string{"md5": md5Hex(content)}}
	}
	f.mustPut(t, "k", "")
	last := make(chan struct{})
	for w := range 4 {
		writers.Go(func() {
			for i := range 8 {
				content, opt := version(w*8 + i)
				if _, err := f.Put(f.ctx, bucket, "k", strings.NewReader(content), opt); err != nil {
					t.Error(err)
				}
			}
		})
	}
	for range 2 {
		readers.Go(func() {
			for {
				select {
				case <-last:
					return
				default:
				}
				o, err := f.Open(f.ctx, bucket, "k")
				if err != nil {
					t.Error(err)
					return
				}
				b, err := io.ReadAll(o)
				o.Close()
				info := o.Info()
				if err != nil || md5Hex(string(b)) != info.ETag || len(b) > 0 && info.Metadata["md5"] != info.ETag {
					t.Errorf("read a mix of versions: %d bytes, %+v, %v", len(b), info, err)
					return
				}
			}
		})
	}
	writers.Wait()
	close(last)
	readers.Wait()
}

// testPutAndDeleteRace has writers make objects in folders that deleters empty.
func testPutAndDeleteRace(t *testing.T, f *fixture) {
	var wg sync.WaitGroup
	for w := range 4 {
		wg.Go(func() {
			for i := range 25 {
				key := fmt.Sprintf("folder/%d/key%d", i%3, w)
				if _, err := f.Put(f.ctx, bucket, key, strings.NewReader(key), blob.PutOptions{}); err != nil {
					t.Errorf("put: %v", err)
					return
				}
				if got := f.mustGet(t, key); got != key {
					t.Errorf("%s holds %q", key, got)
				}
				if err := f.Delete(f.ctx, bucket, key); err != nil {
					t.Errorf("delete: %v", err)
				}
				if _, err := f.List(f.ctx, bucket, blob.ListOptions{Delimiter: "/"}); err != nil {
					t.Errorf("list: %v", err)
				}
			}
		})
	}
	wg.Wait()
	if keys, prefixes := f.allKeys(t, blob.ListOptions{Delimiter: "/"}); len(keys)+len(prefixes) != 0 {
		t.Errorf("left: %q %q", keys, prefixes)
	}
}

func testCopy(t *testing.T, f *fixture) {
	if err := f.CreateBucket(f.ctx, "other-bucket", ""); err != nil {
		t.Fatal(err)
	}
	for _, size := range []int{0, 10, 1 << 20} {
		content := random(size, 3)
		opt := blob.PutOptions{ContentType: "a/b", Metadata: map[string]string{"m": "1"}, Checks: blob.Checks{Algorithms: []string{"crc32"}}}
		put, err := f.Put(f.ctx, bucket, "from", bytes.NewReader(content), opt)
		if err != nil {
			t.Fatal(err)
		}
		src, err := f.Open(f.ctx, bucket, "from")
		if err != nil {
			t.Fatal(err)
		}
		replaced := blob.PutOptions{ContentType: "c/d", Checks: blob.Checks{Algorithms: []string{"sha1"}}}
		for _, to := range []struct {
			bucket, key string
			opt         blob.PutOptions
		}{
			{"other-bucket", "x/to", src.Info().PutOptions()}, {bucket, "to", replaced}, {bucket, "from", replaced},
		} {
			info, err := f.Copy(f.ctx, src, to.bucket, to.key, to.opt)
			if err != nil || info.ETag != put.ETag || info.Size != int64(size) || info.ContentType != to.opt.ContentType || len(info.Checksums) != 1 {
				t.Fatalf("copy to %s/%s: %+v, %v", to.bucket, to.key, info, err)
			}
			if stat, err := f.Stat(f.ctx, to.bucket, to.key); err != nil || stat.Key != to.key || !maps.Equal(stat.Metadata, to.opt.Metadata) || !maps.Equal(stat.Checksums, info.Checksums) {
				t.Errorf("the copy is %+v, %v", stat, err)
			}
		}
		src.Close()
		if got := f.mustGet(t, "to"); got != string(content) {
			t.Errorf("the copy of %d bytes has %d", size, len(got))
		}
		src, err = f.Open(f.ctx, bucket, "from")
		if err != nil {
			t.Fatal(err)
		}
		_, err = f.Copy(f.ctx, src, bucket, "to", blob.PutOptions{IfNoneMatch: true})
		wantCode(t, err, blob.CodePreconditionFailed)
		_, err = f.Copy(f.ctx, src, "absent", "to", blob.PutOptions{})
		wantCode(t, err, blob.CodeNoSuchBucket)
		src.Close()
	}
}
