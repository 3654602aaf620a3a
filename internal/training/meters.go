package training

import (
	"time"

	"github.com/heliograph/heliograph/internal/telemetry"
)

// meters is what training counts.
type meters struct {
	jobs    *telemetry.Counter
	seconds *telemetry.Histogram
	running *telemetry.Gauge
	hungry  *telemetry.Counter
}

// jobSeconds are the bounds of how long jobs take, in seconds.
var jobSeconds = []float64{1, 2, 5, 10, 30, 60, 300, 900, 3600, 4 * 3600, 24 * 3600}

func newMeters(m *telemetry.Metrics) meters {
	return meters{
		jobs:    m.Counter("heliograph_training_jobs_total", "Training jobs that reached an end.", "status"),
		seconds: m.Histogram("heliograph_training_job_seconds", "Time from the start of a training job to its end.", jobSeconds, "status"),
		running: m.Gauge("heliograph_training_jobs_running", "Training jobs that run now."),
		hungry:  m.Counter("heliograph_training_processes_out_of_memory_total", "Training processes ended because they took too much memory."),
	}
}

// ended counts a job that has reached its end, and tells Finished.
func (s *Service) ended(j *Job) {
	var took time.Duration
	if !j.TrainingStartTime.IsZero() {
		took = j.TrainingEndTime.Sub(j.TrainingStartTime)
		s.meters.seconds.Observe(took.Seconds(), j.TrainingJobStatus)
	}
	s.meters.jobs.Inc(j.TrainingJobStatus)
	s.Finished(j.TrainingJobStatus, took)
}
