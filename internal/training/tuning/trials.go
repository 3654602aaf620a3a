package tuning

import (
	"cmp"
	"context"
	"encoding/base64"
	"encoding/json"
	"slices"
	"strings"

	"github.com/heliograph/heliograph/internal/errs"
)

// Order is what a list of trials is sorted by; equal ones are in the order of names.
type Order string

const (
	ByName     Order = "Name"
	ByCreation Order = "CreationTime"
	ByStatus   Order = "Status"
	// ByObjective leaves out trials without a value of the objective.
	ByObjective Order = "FinalObjectiveMetricValue"
)

// TrialQuery selects and sorts the trials of a list.
type TrialQuery struct {
	Status     string // exactly this, if given
	Order      Order
	Descending bool
	Limit      int    // at least 1
	Token      string // the next of an earlier page, with the same order
}

// trialPosition is where a page ended.
type trialPosition struct {
	Number float64 `json:"n,omitempty"`
	Text   string  `json:"t,omitempty"`
	Name   string  `json:"k"`
	Order  Order   `json:"o"`
	Desc   bool    `json:"d,omitempty"`
}

func (q *TrialQuery) position(t *Trial) trialPosition {
	p := trialPosition{Name: strings.ToLower(t.Name), Order: q.Order, Desc: q.Descending}
	switch q.Order {
	case ByCreation:
		p.Number = float64(t.Created.UnixMicro())
	case ByStatus:
		p.Text = t.Status
	case ByObjective:
		if t.Value != nil {
			p.Number = *t.Value
		}
	}
	return p
}

func (p trialPosition) compare(q trialPosition) int {
	c := cmp.Or(cmp.Compare(p.Number, q.Number), cmp.Compare(p.Text, q.Text), cmp.Compare(p.Name, q.Name))
	if p.Desc {
		return -c
	}
	return c
}

// Trials returns the tuning job of that name, a page of its trials that exist as
// training jobs, and the token of the next page, "" if there is none.
func (s *Service) Trials(ctx context.Context, name string, q TrialQuery) (Job, []Trial, string, error) {
	job, err := s.get(ctx, "sagemaker:ListTrainingJobsForHyperParameterTuningJob", name)
	if err != nil {
		return Job{}, nil, "", err
	}
	var from *trialPosition
	if q.Token != "" {
		text, err := base64.RawURLEncoding.DecodeString(q.Token)
		from = &trialPosition{}
		if err != nil || json.Unmarshal(text, from) != nil || from.Order != q.Order || from.Desc != q.Descending {
			return Job{}, nil, "", errs.Invalidf("Invalid NextToken. Give the token of the page before, with the same SortBy and SortOrder, or leave it out.")
		}
	}
	var page []Trial
	for _, t := range job.Trials {
		if t.Status == "" || q.Status != "" && t.Status != q.Status || q.Order == ByObjective && t.Value == nil {
			continue
		}
		if from == nil || q.position(&t).compare(*from) > 0 {
			page = append(page, t)
		}
	}
	slices.SortFunc(page, func(a, b Trial) int { return q.position(&a).compare(q.position(&b)) })
	next := ""
	if len(page) > q.Limit {
		page = page[:q.Limit]
		text, err := json.Marshal(q.position(&page[q.Limit-1]))
		if err != nil {
			return Job{}, nil, "", err
		}
		next = base64.RawURLEncoding.EncodeToString(text)
	}
	return job, page, next, nil
}
