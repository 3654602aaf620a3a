// Package telemetry is the write side of observing the server: metrics for
// Prometheus, structured logs, and writers that turn a program's lines into
// events of a log stream.
//
// Metrics are declared once by whoever counts them, with labels of few values;
// counting does not allocate once With has been called. Nothing here may carry
// a secret: values are written as they come.
package telemetry

import (
	"net/http"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"
)

// latencyBuckets are upper bounds in seconds for answers between a tenth of a
// millisecond and a minute.
var latencyBuckets = []float64{.0001, .00025, .0005, .001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10, 30, 60}

// Metrics is a registry of metrics with those of the process and the Go runtime
// already in it. It is safe for concurrent use.
type Metrics struct {
	registry *prometheus.Registry
	handler  http.Handler
}

// New returns a registry.
func New() *Metrics {
	r := prometheus.NewRegistry()
	r.MustRegister(collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	return &Metrics{registry: r, handler: promhttp.HandlerFor(r, promhttp.HandlerOpts{MaxRequestsInFlight: 4, Timeout: 10 * time.Second})}
}

// Handler answers GET /metrics in the Prometheus text format.
func (m *Metrics) Handler() http.Handler { return m.handler }

// Counter declares a value that only grows. Declaring the same name with the
// same help and labels again returns the same counter; a name with other labels,
// or one that is not a metric name, is a mistake in the program and panics.
func (m *Metrics) Counter(name, help string, labels ...string) *Counter {
	return &Counter{register(m, prometheus.NewCounterVec(prometheus.CounterOpts{Name: name, Help: help}, labels))}
}

// Gauge declares a value that goes up and down; see Counter.
func (m *Metrics) Gauge(name, help string, labels ...string) *Gauge {
	return &Gauge{register(m, prometheus.NewGaugeVec(prometheus.GaugeOpts{Name: name, Help: help}, labels))}
}

// Histogram declares a distribution; see Counter. buckets are ascending upper
// bounds; nil suits durations in seconds.
func (m *Metrics) Histogram(name, help string, buckets []float64, labels ...string) *Histogram {
	if buckets == nil {
		buckets = latencyBuckets
	}
	return &Histogram{register(m, prometheus.NewHistogramVec(prometheus.HistogramOpts{Name: name, Help: help, Buckets: buckets}, labels))}
}

func register[C prometheus.Collector](m *Metrics, c C) C {
	err := m.registry.Register(c)
	if err == nil {
		return c
	}
	if dup, ok := err.(prometheus.AlreadyRegisteredError); ok {
		if old, ok := dup.ExistingCollector.(C); ok {
			return old
		}
	}
	panic("telemetry: " + err.Error())
}

// Counter is a declared counter. Its methods take one value per declared label,
// in the order of the declaration.
type Counter struct{ vec *prometheus.CounterVec }

// Inc adds one.
func (c *Counter) Inc(values ...string) { c.vec.WithLabelValues(values...).Inc() }

// Add adds n, which must not be negative.
func (c *Counter) Add(n float64, values ...string) { c.vec.WithLabelValues(values...).Add(n) }

// With fixes the label values, for hot paths.
func (c *Counter) With(values ...string) prometheus.Counter { return c.vec.WithLabelValues(values...) }

// Forget drops the series of these label values.
func (c *Counter) Forget(values ...string) { c.vec.DeleteLabelValues(values...) }

// Gauge is a declared gauge; see Counter.
type Gauge struct{ vec *prometheus.GaugeVec }

// Set sets the value.
func (g *Gauge) Set(v float64, values ...string) { g.vec.WithLabelValues(values...).Set(v) }

// Add adds v, which may be negative.
func (g *Gauge) Add(v float64, values ...string) { g.vec.WithLabelValues(values...).Add(v) }

// With fixes the label values, for hot paths.
func (g *Gauge) With(values ...string) prometheus.Gauge { return g.vec.WithLabelValues(values...) }

// Forget drops the series of these label values.
func (g *Gauge) Forget(values ...string) { g.vec.DeleteLabelValues(values...) }

// Histogram is a declared histogram; see Counter.
type Histogram struct{ vec *prometheus.HistogramVec }

// Observe counts one value.
func (h *Histogram) Observe(v float64, values ...string) { h.vec.WithLabelValues(values...).Observe(v) }

// With fixes the label values, for hot paths.
func (h *Histogram) With(values ...string) prometheus.Observer {
	return h.vec.WithLabelValues(values...)
}

// Forget drops the series of these label values.
func (h *Histogram) Forget(values ...string) { h.vec.DeleteLabelValues(values...) }
