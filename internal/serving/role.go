package serving

import (
	"cmp"
	"context"

	"github.com/heliograph/heliograph/internal/errs"
)

// role is what acts for a model or an endpoint config: the role that it names, or
// the default one.
func (s *Service) role(named string) string { return cmp.Or(named, s.opt.DefaultRole) }

// codeInaccessible is the code of what mayRead refuses.
const codeInaccessible = "ValidationException"

// mayRead refuses a model whose artifact its role may not read, in SageMaker's words.
func (s *Service) mayRead(ctx context.Context, named string, at location, source string) error {
	role := s.role(named)
	acting, err := s.opt.Roles.Assume(ctx, role, source)
	if err == nil {
		err = s.opt.Auth.Authorize(acting, "s3:GetObject", objectARN(at.Bucket, at.Key))
	}
	if errs.Is(err, errs.Invalid) || errs.Is(err, errs.Denied) {
		return errs.Wrap(err, errs.Invalid, codeInaccessible, "Could not access model data at %s. Please ensure that the role %q exists and that its trust "+
			"relationship policy allows the action \"sts:AssumeRole\" for the service principal \"sagemaker.amazonaws.com\". Also ensure that the role has "+
			"\"s3:GetObject\" permissions and that the object is located in %s.", at, role, s.opt.Region)
	}
	return err
}
