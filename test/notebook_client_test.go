//go:build e2e

package test

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"encoding/xml"
	"fmt"
	"hash/crc32"
	"io"
	"net/http"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"
)

// notebook sends what the SageMaker Python SDK (2.257, on botocore 1.43) sends: the
// same calls in the same order, with the same members and headers. And it
// reads of the answers what that SDK reads.
type notebook struct {
	*testing.T
	control string
	region  string
}

// send signs a request as botocore does and returns what came back.
func (n notebook) send(method, service, path string, header map[string]string, body string) (*http.Response, string) {
	n.Helper()
	r := must(http.NewRequest(method, n.control+path, strings.NewReader(body)))
	for name, value := range header {
		r.Header.Set(name, value)
	}
	r.Header.Set("User-Agent", "Boto3/1.43.11 AWS-SageMaker-Python-SDK/2.257.6 Botocore/1.43.11")
	hash := fmt.Sprintf("%x", sum256(body))
	if service == "s3" {
		r.Header.Set("X-Amz-Content-Sha256", hash)
	}
	key := aws.Credentials{AccessKeyID: keyID, SecretAccessKey: secret}
	if err := v4.NewSigner(func(o *v4.SignerOptions) { o.DisableURIPathEscaping = service == "s3" }).
		SignHTTP(context.Background(), key, r, hash, service, n.region, time.Now()); err != nil {
		n.Fatal(err)
	}
	res, err := (&http.Client{Timeout: time.Minute}).Do(r)
	if err != nil {
		n.Fatal(err)
	}
	defer res.Body.Close()
	content, err := io.ReadAll(res.Body)
	if err != nil {
		n.Fatal(err)
	}
	if res.Header.Get("X-Amzn-Requestid") == "" && res.Header.Get("X-Amz-Request-Id") == "" {
		n.Errorf("%s %s: the answer has no request id", method, path)
	}
	return res, string(content)
}

// raw calls an operation of a service that speaks JSON 1.1.
func (n notebook) raw(service, target, body string) (int, reply) {
	n.Helper()
	res, content := n.send("POST", service, "/", map[string]string{"Content-Type": "application/x-amz-json-1.1", "X-Amz-Target": target}, body)
	var out reply
	if content != "" {
		decoder := json.NewDecoder(strings.NewReader(content))
		decoder.UseNumber()
		if err := decoder.Decode(&out.value); err != nil {
			n.Fatalf("%s answered %q: %v", target, content, err)
		}
	}
	return res.StatusCode, out
}

// call calls a SageMaker operation, which must succeed.
func (n notebook) call(operation, body string) reply {
	n.Helper()
	status, out := n.raw("sagemaker", "SageMaker."+operation, body)
	if status != 200 {
		n.Fatalf("%s: %d %s\n%s", operation, status, out, body)
	}
	return out
}

// logs calls an operation of CloudWatch Logs, which must succeed.
func (n notebook) logs(operation, body string) reply {
	n.Helper()
	status, out := n.raw("logs", "Logs_20140328."+operation, body)
	if status != 200 {
		n.Fatalf("%s: %d %s", operation, status, out)
	}
	return out
}

// refused calls a SageMaker operation, which must be refused in these words.
func (n notebook) refused(operation, body, code, message string) {
	n.Helper()
	status, out := n.raw("sagemaker", "SageMaker."+operation, body)
	if status != 400 || out.text("__type") != code || !strings.Contains(out.text("message"), message) {
		n.Errorf("%s: %d %s, want %s with %q", operation, status, out, code, message)
	}
}

// query calls an operation of the Query protocol and decodes its answer.
func (n notebook) query(service, form string, into any) {
	n.Helper()
	res, content := n.send("POST", service, "/", map[string]string{"Content-Type": "application/x-www-form-urlencoded; charset=utf-8"}, form)
	if err := xml.Unmarshal([]byte(content), into); res.StatusCode != 200 || err != nil {
		n.Fatalf("%s: %d %s (%v)", form, res.StatusCode, content, err)
	}
}

// put uploads as upload_data does over http: a CRC32 in a header, and whose bucket it should be.
func (n notebook) put(path, account string, body []byte) {
	n.Helper()
	header := map[string]string{"X-Amz-Checksum-Crc32": crc(body), "X-Amz-Sdk-Checksum-Algorithm": "CRC32", "Expect": "100-continue"}
	if account != "" {
		header["X-Amz-Expected-Bucket-Owner"] = account
	}
	if res, content := n.send("PUT", "s3", path, header, string(body)); res.StatusCode != 200 || res.Header.Get("Etag") == "" {
		n.Fatalf("PUT %s: %d %s", path, res.StatusCode, content)
	}
}

// object is the content of an object.
func (n notebook) object(path string) string {
	n.Helper()
	res, content := n.send("GET", "s3", path, map[string]string{"X-Amz-Checksum-Mode": "ENABLED"}, "")
	if res.StatusCode != 200 {
		n.Fatalf("GET %s: %d %s", path, res.StatusCode, content)
	}
	return content
}

func crc(body []byte) string {
	sum := crc32.NewIEEE()
	sum.Write(body)
	return base64.StdEncoding.EncodeToString(sum.Sum(nil)) // big-endian
}

// until repeats a describing call until one of its members is what the SDK waits for.
func (n notebook) until(operation, body, member, waiting string) reply {
	n.Helper()
	for deadline := time.Now().Add(2 * time.Minute); time.Now().Before(deadline); time.Sleep(50 * time.Millisecond) {
		if out := n.call(operation, body); !regexp.MustCompile("^(?:" + waiting + ")$").MatchString(out.text(member)) {
			return out
		}
	}
	n.Fatalf("%s %s: %s is %s for too long", operation, body, member, waiting)
	return reply{}
}

// tail follows the log of a job as the SDK does, until done says that the
// job has ended, and once more. What the SDK prints must be what the log holds, each line once.
func (n notebook) tail(group, job string, done func() bool) string {
	n.Helper()
	var stream string
	var read position
	var last bool
	var printed strings.Builder
	for deadline := time.Now().Add(2 * time.Minute); time.Now().Before(deadline); time.Sleep(50 * time.Millisecond) {
		ended := done()
		if stream == "" {
			stream = n.stream(group, job)
		}
		if stream == "" {
			continue
		}
		n.print(&printed, group, stream, &read)
		if !ended {
			continue
		}
		if !last { // the SDK sleeps for ten seconds before it looks for the last time
			last = true
			time.Sleep(time.Second)
			continue
		}
		var whole strings.Builder
		n.print(&whole, group, stream, new(position))
		if whole.Len() > 0 && whole.Len() <= printed.Len() { // else the end is still being written
			if whole.String() != printed.String() {
				n.Errorf("the SDK prints\n%s\nof the log\n%s", &printed, &whole)
			}
			return printed.String()
		}
	}
	n.Fatalf("no log of %s in %s, or none that is read to its end:\n%s", job, group, &printed)
	return ""
}

// stream is the first log stream of a job, or "". While a token comes with
// the streams the SDK asks again, for 50 and without the token: with one that
// comes for fewer than 51 streams it would never end.
func (n notebook) stream(group, job string) string {
	n.Helper()
	ask := fmt.Sprintf(`{"logGroupName": %q, "logStreamNamePrefix": "%s/", "orderBy": "LogStreamName", "limit": `, group, job)
	status, streams := n.raw("logs", "Logs_20140328.DescribeLogStreams", ask+"1}")
	if status == 400 && streams.text("__type") == "ResourceNotFoundException" {
		return "" // there is no group before the first line of the first job
	}
	if status == 200 && streams.at("nextToken") != nil {
		status, streams = n.raw("logs", "Logs_20140328.DescribeLogStreams", ask+"50}")
		n.lacks("DescribeLogStreams", streams, "nextToken")
	}
	if status != 200 {
		n.Fatalf("DescribeLogStreams: %d %s", status, streams)
	}
	return streams.text("logStreams.0.logStreamName")
}

// position is how far a log was read: the last event's time, and how many events of that time.
type position struct{ timestamp, skip int64 }

// print reads on from a position: events from its time on, less those that were
// read, until a page is empty.
func (n notebook) print(to *strings.Builder, group, stream string, at *position) {
	n.Helper()
	skip := at.skip
	ask := fmt.Sprintf(`{"logGroupName": %q, "logStreamName": %q, "startTime": %d, "startFromHead": true`, group, stream, at.timestamp)
	for token := ""; ; {
		page := n.logs("GetLogEvents", ask+token+"}")
		n.reads("GetLogEvents", page, "nextForwardToken", `".+"`, "nextBackwardToken", `".+"`, "events", `\[.*\]`)
		events := page.at("events").([]any)
		for i := range events {
			event := reply{events[i]}
			n.reads("GetLogEvents", event, "timestamp", `\d{13}`, "ingestionTime", `\d{13}`, "message", `".*"`)
			if skip > 0 {
				skip--
				continue
			}
			to.WriteString(event.text("message") + "\n")
			time, _ := event.at("timestamp").(json.Number).Int64()
			if time != at.timestamp {
				*at = position{time, 0}
			}
			at.skip++
		}
		if len(events) == 0 {
			return
		}
		token = fmt.Sprintf(`, "nextToken": %q`, page.text("nextForwardToken"))
	}
}

// reads holds members of an answer, given by their path, against patterns of
// their JSON text. Patterns of times are in the constant epoch.
func (n notebook) reads(what string, a reply, pathsAndPatterns ...string) {
	n.Helper()
	for i := 0; i < len(pathsAndPatterns); i += 2 {
		path, pattern := pathsAndPatterns[i], pathsAndPatterns[i+1]
		value := a.at(path)
		if text := (reply{value}).String(); value == nil || !regexp.MustCompile(`^(?s:`+pattern+`)$`).MatchString(text) {
			n.Errorf("%s: %s is %s, want %s", what, path, text, pattern)
		}
	}
}

// lacks says which members must be absent; for the SDK even null is something.
func (n notebook) lacks(what string, a reply, members ...string) {
	n.Helper()
	object, _ := a.value.(map[string]any)
	for _, member := range members {
		if value, there := object[member]; there {
			n.Errorf("%s: %s is %v and should be absent", what, member, value)
		}
	}
}

// epoch is a time in JSON: seconds since 1970, and perhaps a fraction.
const epoch = `[12]\d{9}(\.\d+)?`

// reply is decoded JSON.
type reply struct{ value any }

// at returns a member, as "ProductionVariants.0.VariantName", or nil. A name with
// dots in it can't be asked for.
func (a reply) at(path string) any {
	value := a.value
	for name := range strings.SplitSeq(path, ".") {
		switch v := value.(type) {
		case map[string]any:
			value = v[name]
		case []any:
			i, err := strconv.Atoi(name)
			if err != nil || i >= len(v) {
				return nil
			}
			value = v[i]
		default:
			return nil
		}
	}
	return value
}

func (a reply) text(path string) string {
	text, _ := a.at(path).(string)
	return text
}

// String is the JSON text, with the members of objects in order of their names.
func (a reply) String() string {
	var b bytes.Buffer
	encoder := json.NewEncoder(&b)
	encoder.SetEscapeHTML(false)
	if err := encoder.Encode(a.value); err != nil {
		panic(err)
	}
	return strings.TrimSuffix(b.String(), "\n")
}
