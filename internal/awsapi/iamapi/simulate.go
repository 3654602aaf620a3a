package iamapi

import (
	"context"
	"strings"

	"github.com/heliograph/heliograph/internal/awsapi/wire"
	"github.com/heliograph/heliograph/internal/iam"
	"github.com/heliograph/heliograph/internal/iam/policy"
)

// Evaluation is what would be decided on an action and a resource.
type Evaluation struct {
	EvalActionName                    string
	EvalResourceName                  string
	EvalDecision                      string // allowed, explicitDeny or implicitDeny
	MatchedStatements                 List[MatchedStatement]
	MissingContextValues              List[string]
	PermissionsBoundaryDecisionDetail *BoundaryDetail `xml:",omitempty" json:",omitempty"`
}

// MatchedStatement is a statement that is about the action and the resource.
type MatchedStatement struct {
	SourcePolicyID   string `xml:"SourcePolicyId" json:"SourcePolicyId"`
	SourcePolicyType string
	StartPosition    Position
	EndPosition      Position
}

// Position is a place in a policy's text, counted from 1.
type Position struct{ Line, Column int }

// BoundaryDetail is what the permissions boundary alone decides.
type BoundaryDetail struct{ AllowedByPermissionsBoundary bool }

// SimulationOutput is the answer of SimulatePrincipalPolicy and SimulateCustomPolicy.
type SimulationOutput struct {
	EvaluationResults List[Evaluation]
	Truncation
}

type contextEntry struct {
	ContextKeyName   string
	ContextKeyValues []string
	ContextKeyType   string
}

type simulationInput struct {
	PolicySourceArn                    string
	PolicyInputList                    []string
	PermissionsBoundaryPolicyInputList []string
	ActionNames                        []string
	ResourceArns                       []string
	ResourcePolicy                     string
	CallerArn                          string
	ContextEntries                     []contextEntry
	Paging
}

func (in *simulationInput) simulation() iam.Simulation {
	keys := map[string][]string{}
	for _, e := range in.ContextEntries {
		keys[e.ContextKeyName] = e.ContextKeyValues
	}
	return iam.Simulation{
		Source: in.PolicySourceArn, Policies: in.PolicyInputList, Boundaries: in.PermissionsBoundaryPolicyInputList,
		ResourcePolicy: in.ResourcePolicy, Caller: in.CallerArn, Actions: in.ActionNames, Resources: in.ResourceArns, Context: keys,
	}
}

func (a api) simulation(ops map[string]wire.QueryOperation) {
	ops["SimulatePrincipalPolicy"] = wire.QueryOp(func(ctx context.Context, in *simulationInput) (*SimulationOutput, error) {
		results, err := a.iam.SimulatePrincipalPolicy(ctx, in.simulation())
		return simulationPage(results, in.Paging, err)
	})
	ops["SimulateCustomPolicy"] = wire.QueryOp(func(ctx context.Context, in *simulationInput) (*SimulationOutput, error) {
		in.PolicySourceArn = ""
		results, err := a.iam.SimulateCustomPolicy(ctx, in.simulation())
		return simulationPage(results, in.Paging, err)
	})
	ops["GetContextKeysForPrincipalPolicy"] = wire.QueryOp(func(ctx context.Context, in *simulationInput) (*contextKeysOutput, error) {
		keys, err := a.iam.ContextKeysForPrincipal(ctx, in.PolicySourceArn, in.PolicyInputList)
		return &contextKeysOutput{List[string]{keys}}, err
	})
	ops["GetContextKeysForCustomPolicy"] = wire.QueryOp(func(ctx context.Context, in *simulationInput) (*contextKeysOutput, error) {
		keys, err := a.iam.ContextKeys(ctx, in.PolicyInputList)
		return &contextKeysOutput{List[string]{keys}}, err
	})
}

type contextKeysOutput struct{ ContextKeyNames List[string] }

func simulationPage(results []iam.Simulated, p Paging, err error) (*SimulationOutput, error) {
	if err != nil {
		return nil, err
	}
	results, next, err := iam.CutInOrder(results, p.page())
	return &SimulationOutput{listOf(results, evaluation), truncation(next)}, err
}

func evaluation(r iam.Simulated) Evaluation {
	e := Evaluation{EvalActionName: r.Action, EvalResourceName: r.Resource, EvalDecision: "implicitDeny", MissingContextValues: List[string]{r.Missing}}
	switch {
	case r.Allowed:
		e.EvalDecision = "allowed"
	case r.Reason == policy.ExplicitDeny:
		e.EvalDecision = "explicitDeny"
	}
	e.MatchedStatements = listOf(r.Matched, func(m policy.Match) MatchedStatement {
		id, kind := source(m)
		return MatchedStatement{id, kind, Position(m.Start), Position(m.End)}
	})
	if r.Boundary {
		e.PermissionsBoundaryDecisionDetail = &BoundaryDetail{r.AllowedByBoundary}
	}
	return e
}

// source is the policy of a statement as simulations name it, and where it is from.
func source(m policy.Match) (id, kind string) {
	inline, ok := strings.CutPrefix(m.Policy, "inline:")
	switch {
	case ok && strings.Contains(inline, "/"):
		return inline, "group"
	case ok:
		return inline, "IAM Policy"
	case strings.HasPrefix(m.Policy, "arn:aws:iam::aws:"):
		return m.Policy[strings.LastIndexByte(m.Policy, '/')+1:], "aws-managed"
	case strings.HasPrefix(m.Policy, "arn:"):
		return m.Policy[strings.LastIndexByte(m.Policy, '/')+1:], "user-managed"
	case m.Source == policy.FromResource:
		return m.Policy, "resource"
	}
	return m.Policy, "IAM Policy"
}
