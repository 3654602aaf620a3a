package transform

import (
	"encoding/json"
	"time"

	"github.com/heliograph/heliograph/internal/tags"
)

// Spec is what a transform job was asked to do: the members of
// CreateTransformJob, under the names the SageMaker API gives them. Members that
// have no meaning here are kept as they came and given back.
type Spec struct {
	TransformJobName        string
	ModelName               string
	MaxConcurrentTransforms *int               `json:",omitempty"`
	ModelClientConfig       *ModelClientConfig `json:",omitempty"`
	MaxPayloadInMB          *int               `json:",omitempty"`
	BatchStrategy           string             `json:",omitempty"`
	Environment             map[string]string  `json:",omitempty"`
	TransformInput          Input
	TransformOutput         Output
	DataCaptureConfig       json.RawMessage `json:",omitempty"`
	TransformResources      Resources
	DataProcessing          *DataProcessing `json:",omitempty"` // Create sets the defaults
	Tags                    []Tag           `json:",omitempty"`
	ExperimentConfig        json.RawMessage `json:",omitempty"`
}

// ModelClientConfig bounds one invocation of the model.
type ModelClientConfig struct {
	InvocationsTimeoutInSeconds *int `json:",omitempty"` // 600 unless given
	InvocationsMaxRetries       *int `json:",omitempty"` // kept; an invocation within the server has nothing to retry
}

// Input is where the data is and how it becomes records.
type Input struct {
	DataSource      DataSource
	ContentType     string `json:",omitempty"`
	CompressionType string // None or Gzip
	SplitType       string // None or Line
}

// DataSource is where the data is.
type DataSource struct{ S3DataSource *S3DataSource }

// S3DataSource is the objects under a prefix, or those a manifest names.
type S3DataSource struct {
	S3DataType string // S3Prefix or ManifestFile
	S3Uri      string
}

// Output is where the results go: to {S3OutputPath}/{name of the object}.out.
type Output struct {
	S3OutputPath string
	Accept       string `json:",omitempty"`
	AssembleWith string // None or Line
	KmsKeyId     string
}

// Resources is the machine asked for. The job runs on this one whatever it says.
type Resources struct {
	InstanceType   string
	InstanceCount  int
	VolumeKmsKeyId string `json:",omitempty"`
}

// DataProcessing says what of a record the model sees, and what of record and
// answer is written.
type DataProcessing struct {
	InputFilter  string
	OutputFilter string
	JoinSource   string // None or Input
}

// Tag is a key and a value that the user gave a resource.
type Tag = tags.Tag

// The states of a job, TransformJobStatus in the API.
const (
	InProgress = "InProgress"
	Completed  = "Completed"
	Failed     = "Failed"
	Stopping   = "Stopping"
	Stopped    = "Stopped"
)

// Job is a transform job as it stands. TransformJobName, in Spec, identifies it
// without regard to case.
type Job struct {
	Spec
	TransformJobArn    string
	TransformJobStatus string
	CreationTime       time.Time `json:"-"` // the record's own
	LastModifiedTime   time.Time `json:"-"` // the record's own
	TransformStartTime time.Time `json:",omitzero"`
	TransformEndTime   time.Time `json:",omitzero"`
	FailureReason      string    `json:",omitempty"` // at most 1,024 characters

	ID        string // unlike the name, never used again; outputs carry it
	Model     Model  // as it was when the job was created
	LogStream string `json:",omitempty"` // in LogGroup; "" until the job started
	Worker    string `json:",omitempty"` // the lease owner that runs it; "" while it waits
	Attempts  int    `json:",omitempty"` // starts that neither came to an end in order nor finished an object
	Finished  int    `json:",omitempty"` // objects that were finished when it was started last
}

// Done reports whether the job has reached an end.
func (j *Job) Done() bool {
	return j.TransformJobStatus == Completed || j.TransformJobStatus == Failed || j.TransformJobStatus == Stopped
}

// end moves the job to its last state.
func (j *Job) end(status, reason string, at time.Time) {
	j.TransformJobStatus, j.FailureReason, j.Worker = status, reason, ""
	j.TransformEndTime = at
}

func (s *Spec) contentType() string { return mediaType(s.TransformInput.ContentType) }

// maxPayload is the largest payload, in bytes.
func (s *Spec) maxPayload() int {
	mb := defaultPayloadMB
	if s.MaxPayloadInMB != nil {
		if mb = *s.MaxPayloadInMB; mb == 0 {
			mb = maxPayloadMB
		}
	}
	return mb << 20
}

func (s *Spec) invocationTimeout() time.Duration {
	seconds := 600
	if c := s.ModelClientConfig; c != nil && c.InvocationsTimeoutInSeconds != nil {
		seconds = *c.InvocationsTimeoutInSeconds
	}
	return time.Duration(seconds) * time.Second
}
