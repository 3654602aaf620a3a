package iamapi

import (
	"cmp"
	"context"
	"slices"

	"github.com/heliograph/heliograph/internal/awsapi/wire"
)

// summaryEntry is one entry of a map in the Query protocol.
type summaryEntry struct {
	Key   string `xml:"key"`
	Value int    `xml:"value"`
}

type summaryOutput struct {
	SummaryMap struct {
		Entries []summaryEntry `xml:"entry"`
	}
}

func (a api) account(ops map[string]wire.QueryOperation) {
	ops["GetAccountSummary"] = wire.QueryOp(a.getAccountSummary)
	ops["GetAccountAuthorizationDetails"] = wire.QueryOp(a.getAccountAuthorizationDetails)
	ops["ListAccountAliases"] = wire.QueryOp(a.listAccountAliases)
	ops["ListInstanceProfiles"] = wire.QueryOp(a.listInstanceProfiles)
}

func (a api) getAccountSummary(ctx context.Context, _ *nothing) (*summaryOutput, error) {
	summary, err := a.iam.AccountSummary(ctx)
	out := &summaryOutput{}
	for key, value := range summary {
		out.SummaryMap.Entries = append(out.SummaryMap.Entries, summaryEntry{key, value})
	}
	slices.SortFunc(out.SummaryMap.Entries, func(a, b summaryEntry) int { return cmp.Compare(a.Key, b.Key) })
	return out, err
}

// listAccountAliases answers that the account has no other name than its number.
func (a api) listAccountAliases(ctx context.Context, _ *nothing) (*struct {
	AccountAliases List[string]
	Truncation
}, error) {
	return &struct {
		AccountAliases List[string]
		Truncation
	}{}, a.iam.Authorize(ctx, "iam:ListAccountAliases", "*")
}

func (a api) listInstanceProfiles(ctx context.Context, _ *nothing) (*instanceProfiles, error) {
	return &instanceProfiles{}, a.iam.Authorize(ctx, "iam:ListInstanceProfiles", "*")
}
