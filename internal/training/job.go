package training

import (
	"encoding/json"
	"errors"
	"time"

	"github.com/heliograph/heliograph/internal/tags"
)

// Spec is what a training job was asked to do: the members of
// CreateTrainingJob, under the names the SageMaker API gives them. Members that
// have no meaning here are kept as they came and given back.
type Spec struct {
	TrainingJobName        string
	RoleArn                string
	AlgorithmSpecification AlgorithmSpecification
	HyperParameters        map[string]string `json:",omitempty"`
	InputDataConfig        []Channel         `json:",omitempty"`
	OutputDataConfig       OutputDataConfig
	ResourceConfig         ResourceConfig
	StoppingCondition      StoppingCondition
	Environment            map[string]string `json:",omitempty"`
	Tags                   []Tag             `json:",omitempty"`

	EnableNetworkIsolation                bool
	EnableInterContainerTrafficEncryption bool
	EnableManagedSpotTraining             bool

	CheckpointConfig           json.RawMessage `json:",omitempty"`
	DebugHookConfig            json.RawMessage `json:",omitempty"`
	DebugRuleConfigurations    json.RawMessage `json:",omitempty"`
	ExperimentConfig           json.RawMessage `json:",omitempty"`
	InfraCheckConfig           json.RawMessage `json:",omitempty"`
	ProfilerConfig             json.RawMessage `json:",omitempty"`
	ProfilerRuleConfigurations json.RawMessage `json:",omitempty"`
	RemoteDebugConfig          json.RawMessage `json:",omitempty"`
	RetryStrategy              json.RawMessage `json:",omitempty"`
	TensorBoardOutputConfig    json.RawMessage `json:",omitempty"`
	VpcConfig                  json.RawMessage `json:",omitempty"`
}

// AlgorithmSpecification names the algorithm and how data reaches it.
type AlgorithmSpecification struct {
	TrainingImage                    string `json:",omitempty"`
	AlgorithmName                    string `json:",omitempty"`
	TrainingInputMode                string
	MetricDefinitions                []MetricDefinition `json:",omitempty"`
	EnableSageMakerMetricsTimeSeries *bool              `json:",omitempty"`
	ContainerEntrypoint              []string           `json:",omitempty"`
	ContainerArguments               []string           `json:",omitempty"`
	TrainingImageConfig              json.RawMessage    `json:",omitempty"`
}

// MetricDefinition says how a metric is read from the log.
type MetricDefinition struct {
	Name  string
	Regex string
}

// Channel is one named input.
type Channel struct {
	ChannelName       string
	DataSource        DataSource
	ContentType       string          `json:",omitempty"`
	CompressionType   string          `json:",omitempty"`
	RecordWrapperType string          `json:",omitempty"`
	InputMode         string          `json:",omitempty"`
	ShuffleConfig     json.RawMessage `json:",omitempty"`
}

// DataSource is where a channel's data is.
type DataSource struct {
	S3DataSource         *S3DataSource   `json:",omitempty"`
	FileSystemDataSource json.RawMessage `json:",omitempty"`
	DatasetSource        json.RawMessage `json:",omitempty"`
}

// S3DataSource is the objects of a bucket whose keys begin with a prefix.
type S3DataSource struct {
	S3DataType             string
	S3Uri                  string
	S3DataDistributionType string          `json:",omitempty"`
	AttributeNames         []string        `json:",omitempty"`
	InstanceGroupNames     []string        `json:",omitempty"`
	ModelAccessConfig      json.RawMessage `json:",omitempty"`
	HubAccessConfig        json.RawMessage `json:",omitempty"`
}

// OutputDataConfig is where the model goes. KmsKeyId is always present in
// answers, as the Python SDK reads it without a default.
type OutputDataConfig struct {
	S3OutputPath    string
	KmsKeyId        string
	CompressionType string `json:",omitempty"`
}

// ResourceConfig is the machine asked for. The job runs on this one whatever it says.
type ResourceConfig struct {
	InstanceType             string          `json:",omitempty"`
	InstanceCount            int             `json:",omitempty"`
	VolumeSizeInGB           int             `json:",omitempty"`
	VolumeKmsKeyId           string          `json:",omitempty"`
	KeepAlivePeriodInSeconds *int            `json:",omitempty"`
	TrainingPlanArn          string          `json:",omitempty"`
	InstanceGroups           json.RawMessage `json:",omitempty"`
	InstancePlacementConfig  json.RawMessage `json:",omitempty"`
	InstancePreferences      json.RawMessage `json:",omitempty"`
}

// StoppingCondition bounds a job in time.
type StoppingCondition struct {
	MaxRuntimeInSeconds     *int `json:",omitempty"` // Create sets the default, a day
	MaxWaitTimeInSeconds    *int `json:",omitempty"`
	MaxPendingTimeInSeconds *int `json:",omitempty"`
}

// Tag is a key and a value that the user gave a resource.
type Tag = tags.Tag

// The states of a job, TrainingJobStatus in the API.
const (
	InProgress = "InProgress"
	Completed  = "Completed"
	Failed     = "Failed"
	Stopping   = "Stopping"
	Stopped    = "Stopped"
)

// Secondary states that are not also states.
const (
	Starting            = "Starting"
	Pending             = "Pending" // waits for cores or memory
	Downloading         = "Downloading"
	Training            = "Training"
	Uploading           = "Uploading"
	Restarting          = "Restarting"
	MaxRuntimeExceeded  = "MaxRuntimeExceeded"
	MaxWaitTimeExceeded = "MaxWaitTimeExceeded" // of managed spot training
)

// Job is a training job as it stands. TrainingJobName, in Spec, identifies it
// without regard to case.
type Job struct {
	Spec
	TrainingJobArn             string
	TrainingJobStatus          string
	SecondaryStatus            string
	SecondaryStatusTransitions []Transition
	CreationTime               time.Time `json:"-"` // the record's own
	LastModifiedTime           time.Time `json:"-"` // the record's own
	TrainingStartTime          time.Time `json:",omitzero"`
	TrainingEndTime            time.Time `json:",omitzero"`
	FailureReason              string    `json:",omitempty"` // at most 1,024 characters
	S3ModelArtifacts           string    `json:",omitempty"`
	FinalMetricDataList        []Metric  `json:",omitempty"`
	LogStream                  string    `json:",omitempty"` // in LogGroup; "" until the job started

	Tuned  *Tuned        `json:",omitempty"` // nil for a job of its own
	Epochs []EpochMetric `json:",omitempty"` // if Tuned asks for them

	Worker   string `json:",omitempty"` // the lease owner that runs it; "" while it waits
	Attempts int    `json:",omitempty"` // starts that did not end in order
}

// Transition is one secondary state that a job was in. EndTime is zero in the
// present one.
type Transition struct {
	Status        string
	StartTime     time.Time
	EndTime       time.Time `json:",omitzero"`
	StatusMessage string
}

// Metric is a final metric of a job.
type Metric struct {
	MetricName string
	Value      float64
	Timestamp  time.Time
}

// Done reports whether the job has reached an end.
func (j *Job) Done() bool {
	return j.TrainingJobStatus == Completed || j.TrainingJobStatus == Failed || j.TrainingJobStatus == Stopped
}

// TrainingSeconds is how long the job has trained, rounded up, so at least 1
// once it has ended after a start; 0 before.
func (j *Job) TrainingSeconds() int {
	if j.TrainingStartTime.IsZero() || j.TrainingEndTime.IsZero() {
		return 0
	}
	return max(1, int((j.TrainingEndTime.Sub(j.TrainingStartTime)+time.Second-1)/time.Second))
}

// enter moves the job to a secondary state, closing the one before.
func (j *Job) enter(secondary, message string, at time.Time) {
	if n := len(j.SecondaryStatusTransitions); n > 0 {
		j.SecondaryStatusTransitions[n-1].EndTime = at
	}
	j.SecondaryStatus = secondary
	j.SecondaryStatusTransitions = append(j.SecondaryStatusTransitions,
		Transition{Status: secondary, StartTime: at, StatusMessage: message})
}

// end moves the job to its last state, whose transition is closed at once.
func (j *Job) end(status, secondary, message string, at time.Time) {
	j.TrainingJobStatus = status
	j.enter(secondary, message, at)
	j.SecondaryStatusTransitions[len(j.SecondaryStatusTransitions)-1].EndTime = at
	j.Worker = ""
	if !j.TrainingStartTime.IsZero() {
		j.TrainingEndTime = at
	}
}

// stop ends the job as Stopped for one of ends; nil is StopTrainingJob.
func (j *Job) stop(cause error, at time.Time) {
	for _, e := range ends {
		if errors.Is(cause, e.cause) || cause == nil && e.cause == errStopped {
			j.end(Stopped, e.secondary, e.message, at)
			return
		}
	}
}
