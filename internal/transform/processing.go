package transform

import (
	"bytes"
	"encoding/json"
	"fmt"

	"github.com/heliograph/heliograph/internal/errs"
	"github.com/heliograph/heliograph/internal/jobs"
)

// processing is DataProcessing, ready for use: what of a record goes to the
// model, and what of record and answer is written.
type processing struct {
	input, output jsonPath
	join          bool
}

// Where SageMaker puts the answer, and an input that is no object.
const (
	outputMember = "SageMakerOutput"
	inputMember  = "SageMakerInput"
)

// newProcessing returns nil if there is nothing to do.
func newProcessing(d DataProcessing, contentType string) (*processing, error) {
	p := &processing{join: d.JoinSource == "Input"}
	var err error
	if p.input, err = parsePath(d.InputFilter); err != nil {
		return nil, errs.Invalidf("The InputFilter %q is not a JSONPath that is offered: %v.", jobs.Clip(d.InputFilter, 63), err)
	}
	if p.output, err = parsePath(d.OutputFilter); err != nil {
		return nil, errs.Invalidf("The OutputFilter %q is not a JSONPath that is offered: %v.", jobs.Clip(d.OutputFilter, 63), err)
	}
	if p.input.root() && p.output.root() && !p.join {
		return nil, nil
	}
	if contentType != typeJSON && contentType != typeLines {
		return nil, errs.Invalidf("DataProcessing works on records of the ContentType %s or %s, and this job's is %q.", typeLines, typeJSON, jobs.Clip(contentType, 100))
	}
	return p, nil
}

// filter appends what the model is to see of a record.
func (p *processing) filter(dst, record []byte, line int) ([]byte, error) {
	if !json.Valid(record) {
		return dst, dataFailure("line %d is not JSON", line)
	}
	part, err := p.input.apply(record)
	if err != nil {
		return dst, dataFailure("line %d: the InputFilter %s can't be applied: %v", line, p.input.text, err)
	}
	return append(dst, part...), nil
}

// finish appends what is written for a record that the model answered.
func (p *processing) finish(dst, record, answer []byte, line int) ([]byte, error) {
	answer = bytes.TrimSpace(answer)
	if p.join {
		answer = joined(record, answer)
	}
	part, err := p.output.apply(answer)
	if err != nil {
		return dst, dataFailure("line %d: the OutputFilter %s can't be applied: %v", line, p.output.text, err)
	}
	return append(dst, part...), nil
}

// joined adds the answer to the record: to an object as a member, else beside it
// in a new object.
func joined(record, answer []byte) []byte {
	record = bytes.TrimSpace(record)
	list := members(record)
	if list == nil {
		list = []member{{quote: quoted(inputMember), value: record}}
	}
	kept := make([]member, 0, len(list)+1)
	for _, m := range list {
		if m.name != outputMember {
			kept = append(kept, m)
		}
	}
	kept = append(kept, member{quote: quoted(outputMember), value: answer})
	return appendObject(nil, kept)
}

func quoted(name string) []byte { return []byte(`"` + name + `"`) }

// dataFailure is a failure of one record.
func dataFailure(format string, args ...any) error {
	return jobs.ClientFailure(nil, "%s", fmt.Sprintf(format, args...))
}
