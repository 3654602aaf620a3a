package jobs

import "context"

// Roles lets what runs in the server act as roles, which decide what it may touch.
// The one of package iam is made by its ForService.
type Roles interface {
	// Pass refuses a role that the caller of ctx may not hand on, that does not exist,
	// or that does not let the service assume it. source is the ARN of what it is for.
	Pass(ctx context.Context, roleARN, source string) error
	// Assume returns ctx with the principal that the role acts as. It is an Invalid
	// error if the role does not exist, or does not let the service assume it.
	Assume(ctx context.Context, roleARN, source string) (context.Context, error)
}
