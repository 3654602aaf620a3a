package route

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"strings"

	"github.com/heliograph/heliograph/internal/iam"
	"github.com/heliograph/heliograph/internal/store"
)

// GatewayService is who runs the functions of routes: a policy of a function
// that lets it do so for a route's ARN is what the route needs.
const GatewayService = "apigateway.amazonaws.com"

// authorizePermission asks whether the caller may let routes run the function.
func (s *Service) authorizePermission(ctx context.Context, function string) error {
	ctx = iam.WithKeys(ctx, map[string][]string{"lambda:Principal": {GatewayService}})
	return s.auth.Authorize(ctx, "lambda:AddPermission", fmt.Sprintf("arn:aws:lambda:%s:%s:function:%s", s.region, s.account, function))
}

// permissionID is the id of the statement that a route has in the policy of its
// function, the same for each route of a path: route-, the path as far as ids can
// spell it, and a digest that tells apart what they can't.
func permissionID(r *Route) string {
	const most = 60
	spelled := strings.NewReplacer("/", "-", ".", "-", "~", "-").Replace(r.Path[1:])
	sum := sha256.Sum256([]byte(name(r.API, r.Path)))
	return "route-" + spelled[:min(most, len(spelled))] + "-" + hex.EncodeToString(sum[:4])
}

// requests are those that the route answers, as their ARNs end, with wildcards.
func requests(r *Route) []string {
	called := r.Methods
	if len(called) == len(methods) {
		called = []string{"*"}
	}
	ends := make([]string, len(called))
	for i, method := range called {
		ends[i] = r.API + "/*/" + method + r.Path
	}
	return ends
}

// grantOld gives their permission to the routes that are older than permissions.
// Those that had one and don't any more keep going without.
func (s *Service) grantOld(ctx context.Context) error {
	routes, err := s.all(ctx)
	if err != nil {
		return err
	}
	return s.db.Tx(ctx, func(ctx context.Context) error {
		for _, r := range routes {
			if r.Permission != "" {
				continue
			}
			r.Permission = permissionID(&r)
			if _, err := s.records.Update(ctx, name(r.API, r.Path), func(old *store.Record[Route]) error {
				old.Doc.Permission = r.Permission
				return nil
			}); err != nil {
				return err
			}
			if err := s.permissions.Grant(ctx, r.Function, r.Permission, requests(&r)); err != nil {
				return err
			}
		}
		return nil
	})
}
