package serving

import (
	"fmt"
	"regexp"
	"strings"

	"github.com/heliograph/heliograph/internal/errs"
)

// AsyncInferenceConfig makes an endpoint answer into objects. Members carry the
// names of the SageMaker API.
type AsyncInferenceConfig struct {
	ClientConfig *AsyncClientConfig `json:",omitempty"`
	OutputConfig *AsyncOutputConfig `json:",omitempty"`
}

// AsyncClientConfig bounds how many requests are answered at once.
type AsyncClientConfig struct {
	MaxConcurrentInvocationsPerInstance *int `json:",omitempty"`
}

// AsyncOutputConfig says where answers and failures go.
type AsyncOutputConfig struct {
	KmsKeyId           string                   `json:",omitempty"`
	S3OutputPath       string                   `json:",omitempty"`
	NotificationConfig *AsyncNotificationConfig `json:",omitempty"`
	S3FailurePath      string                   `json:",omitempty"`
}

// AsyncNotificationConfig names topics; none can be had here.
type AsyncNotificationConfig struct {
	SuccessTopic               string   `json:",omitempty"`
	ErrorTopic                 string   `json:",omitempty"`
	IncludeInferenceResponseIn []string `json:",omitempty"`
}

func (a *AsyncInferenceConfig) check(c *constraints) {
	if a == nil {
		return
	}
	if a.ClientConfig != nil {
		between(c, a.ClientConfig.MaxConcurrentInvocationsPerInstance, "asyncInferenceConfig.clientConfig.maxConcurrentInvocationsPerInstance", 1, 1000)
	}
	o := a.OutputConfig
	if o == nil {
		c.Add(nil, "asyncInferenceConfig.outputConfig", "Member must not be null")
		return
	}
	at := "asyncInferenceConfig.outputConfig."
	c.matchOptional(o.S3OutputPath, at+"s3OutputPath", destinationPattern)
	c.matchOptional(o.S3FailurePath, at+"s3FailurePath", destinationPattern)
	c.matchOptional(o.KmsKeyId, at+"kmsKeyId", kmsPattern)
}

// offered reports what is valid on SageMaker and not to be had here.
func (a *AsyncInferenceConfig) offered(e *EndpointConfig) error {
	if a == nil {
		return nil
	}
	o := a.OutputConfig
	switch n := o.NotificationConfig; {
	case o.S3OutputPath == "":
		return errs.Invalidf("AsyncInferenceConfig has no S3OutputPath: give the s3:// address under which answers are put.")
	case n != nil && (n.SuccessTopic != "" || n.ErrorTopic != ""):
		return errs.Invalidf("Notifications are not offered: leave NotificationConfig out, and look for the object at the OutputLocation.")
	case len(e.ShadowProductionVariants) > 0:
		return errs.Invalidf("An endpoint for asynchronous inference has no shadow variants; leave ShadowProductionVariants or AsyncInferenceConfig out.")
	case e.DataCaptureConfig.Enabled():
		return errs.Invalidf("Data capture is not offered for asynchronous inference, whose requests and answers are objects already; leave DataCaptureConfig or AsyncInferenceConfig out.")
	}
	for _, v := range e.ProductionVariants {
		if v.ServerlessConfig != nil {
			return errs.Invalidf("The variant %q is serverless, which asynchronous inference does not go with; give it an instance type and count.", v.VariantName)
		}
	}
	for _, path := range []string{o.S3OutputPath, o.S3FailurePath} {
		if _, ok := folderOf(path); path != "" && !ok {
			return errs.Invalidf("The path %q of AsyncInferenceConfig must be an s3:// address.", path)
		}
	}
	return nil
}

// InvokeAsyncInput is a request to an endpoint that answers into objects.
type InvokeAsyncInput struct {
	Endpoint         string
	InputLocation    string // s3:// address of the request's body
	ContentType      string // of the body; "" means that of the object
	Accept           string // ignored: an answer has the type of its request
	CustomAttributes string // kept with the answer
	InferenceID      string // the caller's; "" for one that is made up
	OutputExtension  string // a folder under the output path
	Filename         string // of the answer; "" for one that is made up
	TTL              *int   // seconds that the request may wait, 60 to 21,600; default 21,600
	Timeout          *int   // seconds that answering may take, 1 to 3,600; default 900
}

// InvokeAsyncOutput says where the answer will be.
type InvokeAsyncOutput struct {
	InferenceID     string
	OutputLocation  string
	FailureLocation string // "" if failures are not put anywhere
}

var (
	inferenceIDPattern = newPattern(64, `\S[\x20-\x7e]*`)
	extensionPattern   = newPattern(512, `[a-zA-Z0-9!_.*'()/-]+`)
	filenamePattern    = newPattern(32, `[a-zA-Z0-9][a-zA-Z0-9-_.]*`)
	twoDots            = regexp.MustCompile(`\..*\.`)
)

const (
	defaultTTL     = 21600 // seconds
	defaultTimeout = 900   // seconds
)

func (in *InvokeAsyncInput) check() error {
	var c constraints
	c.match(in.Endpoint, "endpointName", namePattern)
	c.match(in.InputLocation, "inputLocation", urlPattern)
	c.matchOptional(in.InferenceID, "inferenceId", inferenceIDPattern)
	c.matchOptional(in.OutputExtension, "s3OutputPathExtension", extensionPattern)
	c.matchOptional(in.Filename, "filename", filenamePattern)
	if twoDots.MatchString(in.Filename) {
		c.Add(in.Filename, "filename", "Member must satisfy regular expression pattern: ^(?!.*\\..*\\.)[a-zA-Z0-9][a-zA-Z0-9-_\\.]*$")
	}
	between(&c, in.TTL, "requestTTLSeconds", 60, defaultTTL)
	between(&c, in.Timeout, "invocationTimeoutSeconds", 1, 3600)
	for member, value := range map[string]string{"contentType": in.ContentType, "accept": in.Accept, "customAttributes": in.CustomAttributes} {
		if len(value) > 1024 {
			c.Add(value, member, "Member must have length less than or equal to 1024")
		}
	}
	if err := c.Err(); err != nil {
		return invalid("%s", errs.MessageOf(err))
	}
	if at := locationOf(in.InputLocation); at.Bucket == "" || at.Key == "" {
		return invalid("The InputLocation %q must be an s3:// address with a bucket and a key.", in.InputLocation)
	}
	return nil
}

// locationOf reads the s3:// address of an object; without bucket or key if it has none.
func locationOf(uri string) (at location) {
	if rest, ok := strings.CutPrefix(uri, "s3://"); ok {
		at.Bucket, at.Key, _ = strings.Cut(rest, "/")
	}
	return at
}

// places says where answer and failure of the request of that id go.
func (a *AsyncInferenceConfig) places(in *InvokeAsyncInput, id string) (output location, failure *location) {
	to, _ := folderOf(a.OutputConfig.S3OutputPath)
	output = location{to.bucket, to.prefix}
	if ext := strings.Trim(in.OutputExtension, "/"); ext != "" {
		output.Key += ext + "/"
	}
	if in.Filename != "" {
		output.Key += in.Filename
	} else {
		output.Key += id + ".out"
	}
	if path := a.OutputConfig.S3FailurePath; path != "" {
		to, _ := folderOf(path)
		failure = &location{to.bucket, fmt.Sprintf("%s%s-error.out", to.prefix, id)}
	}
	return output, failure
}
