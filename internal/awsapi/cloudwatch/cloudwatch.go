// Package cloudwatch speaks CloudWatch's metrics and alarms over package
// monitor, in all protocols that clients use: AWS JSON 1.0 (boto3 and the
// JavaScript SDK now), Smithy RPC v2 CBOR (the Go SDK) and Query (boto3 and the
// command line until 2025).
//
// It decodes, calls and encodes; authorisation, rules and records are monitor's.
package cloudwatch

import (
	"context"
	"encoding/xml"
	"net/http"

	"github.com/heliograph/heliograph/internal/awsapi/wire"
	"github.com/heliograph/heliograph/internal/monitor"
)

// Target is what requests name the service in JSON and CBOR, and Version in Query.
const (
	Target  = "GraniteServiceVersion20100801"
	Version = "2010-08-01"
)

// Scope is the service that signatures name.
const Scope = "monitoring"

// Handlers are the service in each protocol. They belong behind wire.NewRouter
// as Scope/Target, Scope/Version and Scope/Target.
type Handlers struct{ JSON, Query, CBOR http.Handler }

// shapes are the names of errors in the service's model, by their codes.
var shapes = map[string]string{
	"InvalidParameterValue":       "InvalidParameterValueException",
	"InvalidParameterCombination": "InvalidParameterCombinationException",
	"MissingParameter":            "MissingRequiredParameterException",
	"InvalidFormat":               "InvalidFormatFault",
	"LimitExceeded":               "LimitExceededFault",
	"InternalFailure":             "InternalServiceFault",
}

// maxBody is what PutMetricData may have, in bytes.
const maxBody = 1 << 20

// New returns the handlers.
func New(s *monitor.Service, opt wire.Options) Handlers {
	opt.Service, opt.Shapes, opt.MaxBody = "cloudwatch", shapes, maxBody
	a := api{s}
	all := operations{json: map[string]wire.Operation{}, query: map[string]wire.QueryOperation{}, cbor: map[string]wire.CBOROperation{}}
	offer(all, "PutMetricData", a.putMetricData)
	offer(all, "GetMetricStatistics", a.getMetricStatistics)
	offer(all, "GetMetricData", a.getMetricData)
	offer(all, "ListMetrics", a.listMetrics)
	offer(all, "PutMetricAlarm", a.putMetricAlarm)
	offer(all, "DescribeAlarms", a.describeAlarms)
	offer(all, "DescribeAlarmsForMetric", a.describeAlarmsForMetric)
	offer(all, "DescribeAlarmHistory", a.describeAlarmHistory)
	offer(all, "DeleteAlarms", a.deleteAlarms)
	offer(all, "SetAlarmState", a.setAlarmState)
	offer(all, "EnableAlarmActions", a.enableAlarmActions)
	offer(all, "DisableAlarmActions", a.disableAlarmActions)
	return Handlers{
		JSON:  wire.NewJSON(Target, "1.0", all.json, opt),
		Query: wire.NewQuery(Version, "http://monitoring.amazonaws.com/doc/"+Version+"/", all.query, opt),
		CBOR:  wire.NewCBOR(Target, all.cbor, opt),
	}
}

type api struct{ service *monitor.Service }

type operations struct {
	json  map[string]wire.Operation
	query map[string]wire.QueryOperation
	cbor  map[string]wire.CBOROperation
}

// offer adds an operation in every protocol.
func offer[In, Out any](to operations, name string, fn func(context.Context, *In) (*Out, error)) {
	to.json[name], to.query[name], to.cbor[name] = wire.Op(fn), wire.QueryOp(fn), wire.CBOROp(fn)
}

// list is a list that XML writes with its members even if it has none: old
// botocore leaves out what is not there, and its users don't expect that.
type list[T any] []T

// MarshalXML writes <member> elements.
func (l list[T]) MarshalXML(e *xml.Encoder, start xml.StartElement) error {
	return e.EncodeElement(struct {
		Member []T `xml:"member"`
	}{l}, start)
}

// listOf makes a list of what another has, never nil.
func listOf[T, U any](from []U, make func(U) T) list[T] {
	to := list[T]{}
	for _, u := range from {
		to = append(to, make(u))
	}
	return to
}

// none is the answer of operations that have none.
type none struct{}

func done(err error) (*none, error) { return nil, err }
