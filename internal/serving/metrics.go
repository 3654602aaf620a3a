package serving

import (
	"context"
	"errors"
	"time"

	"github.com/heliograph/heliograph/internal/errs"
	"github.com/heliograph/heliograph/internal/telemetry"
)

// The results by which invocations are counted.
const (
	resultOK          = iota
	resultModelError  // the model refused the request
	resultClientError // the request did not reach the model, by its own fault
	resultServerError // the request was not answered, by ours
)

var resultNames = [...]string{
	resultOK: "ok", resultModelError: "model_error", resultClientError: "client_error", resultServerError: "server_error",
}

// meters are the metrics of all endpoints.
type meters struct {
	invocations *telemetry.Counter
	seconds     *telemetry.Histogram
	dropped     *telemetry.Counter
	async       *telemetry.Counter
	ledger      *ledger // for CloudWatch
}

func newMeters(m *telemetry.Metrics) meters {
	return meters{
		ledger:      newLedger(),
		invocations: m.Counter("heliograph_invocations_total", "Invocations of endpoints, by result.", "endpoint", "variant", "result"),
		async:       m.Counter("heliograph_async_requests_total", "Asynchronous requests that reached an end, by result: ok, failed or expired.", "endpoint", "result"),
		dropped:     m.Counter("heliograph_shadow_dropped_total", "Copies of requests that shadow variants did not get because too many were under way.", "endpoint", "variant"),
		seconds:     m.Histogram("heliograph_invocation_seconds", "Time from an invocation's arrival at its model to the answer.", nil, "endpoint", "variant"),
	}
}

// meter is the metrics of one variant, looked up once.
type meter struct {
	results [len(resultNames)]interface{ Inc() }
	seconds interface{ Observe(seconds float64) }
	counted *counted
}

func (m meters) of(endpoint, variant string) meter {
	one := meter{seconds: m.seconds.With(endpoint, variant), counted: m.ledger.of(endpoint, variant)}
	for i, name := range resultNames {
		one.results[i] = m.invocations.With(endpoint, variant, name)
	}
	return one
}

// forget drops what was counted of an endpoint that is gone.
func (m meters) forget(endpoint string, variants []*deployedVariant) {
	for _, v := range variants {
		m.ledger.forget(endpoint, v.VariantName)
		m.dropped.Forget(endpoint, v.VariantName)
		m.seconds.Forget(endpoint, v.VariantName)
		for _, name := range resultNames {
			m.invocations.Forget(endpoint, v.VariantName, name)
		}
	}
}

// observe counts an invocation that ends now. It came at start and was its
// model's from begun on, if that isn't zero.
func (m *meter) observe(err error, start, begun time.Time) {
	end := time.Now()
	took, model := end.Sub(start), time.Duration(0)
	if !begun.IsZero() {
		model = end.Sub(begun)
	}
	m.seconds.Observe(took.Seconds())
	m.results[resultOf(err)].Inc()
	m.counted.add(err, took, model)
}

func modelErrorOf(err error) *ModelError {
	m, _ := errors.AsType[*ModelError](err)
	return m
}

func resultOf(err error) int {
	if err == nil {
		return resultOK
	}
	if modelErrorOf(err) != nil {
		return resultModelError
	}
	switch errs.KindOf(err) {
	case errs.Invalid, errs.TooLarge, errs.Throttled:
		return resultClientError
	}
	if errors.Is(err, context.Canceled) { // the client went away
		return resultClientError
	}
	return resultServerError
}
