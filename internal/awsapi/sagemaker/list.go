package sagemaker

import (
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/heliograph/heliograph/internal/awsapi/wire"
	"github.com/heliograph/heliograph/internal/errs"
	"github.com/heliograph/heliograph/internal/store"
)

// listInput is what the List operations have in common; each embeds it.
type listInput struct {
	MaxResults             *int32
	NextToken              string
	NameContains           string
	SortBy                 string
	SortOrder              string
	CreationTimeAfter      *wire.Time
	CreationTimeBefore     *wire.Time
	LastModifiedTimeAfter  *wire.Time
	LastModifiedTimeBefore *wire.Time
}

var sortOrders = map[string]store.Order{
	"CreationTime": store.ByCreated,
	"Name":         store.ByName,
	"Status":       store.ByStatus,
}

var nameContains = regexp.MustCompile(`^[a-zA-Z0-9\-]+$`)

// query checks the members and turns them into a query of the store: the page
// holds 10 records unless told otherwise, newest first. sortBy are the values
// of SortBy that the operation documents, out of CreationTime, Name and Status.
func (in *listInput) query(sortBy ...string) (store.Query, error) {
	q := store.Query{
		NameContains:  in.NameContains,
		CreatedAfter:  timeOf(in.CreationTimeAfter),
		CreatedBefore: timeOf(in.CreationTimeBefore),
		UpdatedAfter:  timeOf(in.LastModifiedTimeAfter),
		UpdatedBefore: timeOf(in.LastModifiedTimeBefore),
		Limit:         10,
		Token:         in.NextToken,
	}
	if in.MaxResults != nil {
		switch n := *in.MaxResults; {
		case n < 1:
			return q, constraint(n, "maxResults", "Member must have value greater than or equal to 1")
		case n > 100:
			return q, constraint(n, "maxResults", "Member must have value less than or equal to 100")
		}
		q.Limit = int(*in.MaxResults)
	}
	if len(in.NameContains) > 63 {
		return q, constraint(in.NameContains, "nameContains", "Member must have length less than or equal to 63")
	}
	if in.NameContains != "" && !nameContains.MatchString(in.NameContains) {
		return q, constraint(in.NameContains, "nameContains", "Member must satisfy regular expression pattern: [a-zA-Z0-9\\-]+")
	}
	if in.SortBy != "" {
		if !slices.Contains(sortBy, in.SortBy) {
			return q, enumConstraint(in.SortBy, "sortBy", sortBy)
		}
		q.Order = sortOrders[in.SortBy]
	}
	switch in.SortOrder {
	case "Ascending":
	case "Descending", "":
		q.Descending = true
	default:
		return q, enumConstraint(in.SortOrder, "sortOrder", []string{"Ascending", "Descending"})
	}
	return q, nil
}

func timeOf(t *wire.Time) time.Time {
	if t == nil {
		return time.Time{}
	}
	return time.Time(*t)
}

// constraint is the error of a member that breaks a rule of the service model,
// in AWS's words.
func constraint(value any, member, rule string) error {
	return errs.Invalidf("1 validation error detected: Value '%v' at '%s' failed to satisfy constraint: %s", value, member, rule)
}

func enumConstraint(value, member string, values []string) error {
	return constraint(value, member, "Member must satisfy enum value set: ["+strings.Join(values, ", ")+"]")
}
