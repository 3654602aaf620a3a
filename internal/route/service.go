package route

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"

	"github.com/heliograph/heliograph/internal/errs"
	"github.com/heliograph/heliograph/internal/store"
)

// Authorizer decides whether ctx's principal may do action on resource.
type Authorizer interface {
	Authorize(ctx context.Context, action, resource string) error
}

// Functions is what a route needs to know of the functions.
type Functions interface {
	// Check reports an unknown function, or a configuration it can't run with.
	Check(function string, config Config) error
	// Proxied reports whether the function expects a Proxy integration.
	Proxied(function string) bool
}

// Roles decides who may have functions act as their role.
type Roles interface {
	// Pass refuses a role that the caller may not hand on. source is the ARN of what it is for.
	Pass(ctx context.Context, roleARN, source string) error
}

// Permissions keeps in the functions' policies which routes may run them.
type Permissions interface {
	// Grant lets requests run the function, in the statement with the id sid; they
	// are named as their ARNs end behind the account, with wildcards: api/stage/METHOD/path.
	// Revoke takes that away. Both are part of ctx's transaction, and in force after Reload.
	Grant(ctx context.Context, function, sid string, requests []string) error
	Revoke(ctx context.Context, function, sid string) error
	Reload(ctx context.Context) error
}

// Options is what a Service needs.
type Options struct {
	DB          *store.DB
	Authorizer  Authorizer
	Functions   Functions
	Permissions Permissions
	Roles       Roles
	Role        string // ARN of what functions act as
	Region      string
	Account     string
}

// Service keeps the routes. It is safe for concurrent use.
type Service struct {
	db              *store.DB
	records         *store.Collection[Route]
	auth            Authorizer
	functions       Functions
	permissions     Permissions
	roles           Roles
	role            string
	region, account string

	change sync.Mutex // held over a write and the reload after it, so that the table never goes back
	table  atomic.Pointer[Table]
}

// New returns a service with the routes that the database holds.
func New(ctx context.Context, opt Options) (*Service, error) {
	s := &Service{
		db:          opt.DB,
		records:     store.NewCollection[Route](opt.DB, "route"),
		auth:        opt.Authorizer,
		functions:   opt.Functions,
		permissions: opt.Permissions,
		roles:       opt.Roles,
		role:        opt.Role,
		region:      opt.Region,
		account:     opt.Account,
	}
	if err := s.grantOld(ctx); err != nil {
		return nil, fmt.Errorf("route: permissions: %w", err)
	}
	if err := s.reload(ctx); err != nil {
		return nil, fmt.Errorf("route: load: %w", err)
	}
	return s, nil
}

// Table returns the routes as the last acknowledged change left them.
func (s *Service) Table() *Table { return s.table.Load() }

// ARN names what a caller of the route needs execute-api:Invoke on.
func (s *Service) ARN(r *Route, method string) string {
	return fmt.Sprintf("arn:aws:execute-api:%s:%s:%s/%s/%s%s", s.region, s.account, r.API, Stage, method, r.Path)
}

// Put creates the route of r's path, or replaces it, and returns it as stored.
// An empty API, Methods or Integration means the default. The route's permission
// to run its function is given with it, for which the caller needs
// lambda:AddPermission on the function.
func (s *Service) Put(ctx context.Context, r Route) (Route, error) {
	if err := s.auth.Authorize(ctx, "apigateway:PUT", s.resource(r.Path)); err != nil {
		return Route{}, err
	}
	r, err := s.check(r)
	if err != nil {
		return Route{}, err
	}
	if err := s.roles.Pass(ctx, s.role, s.resource(r.Path)); err != nil {
		return Route{}, err
	}
	if err := s.authorizePermission(ctx, r.Function); err != nil {
		return Route{}, err
	}
	s.change.Lock()
	defer s.change.Unlock()
	var stored store.Record[Route]
	err = s.db.Tx(ctx, func(ctx context.Context) error {
		stored, err = s.write(ctx, r)
		return err
	})
	if err != nil {
		return Route{}, err
	}
	return timed(stored), s.reload(ctx)
}

// write stores a route and gives it its permission, in the transaction of ctx.
func (s *Service) write(ctx context.Context, r Route) (stored store.Record[Route], err error) {
	r.Permission = permissionID(&r)
	former := ""
	stored, err = s.records.Update(ctx, name(r.API, r.Path), func(old *store.Record[Route]) error {
		if old.Name != name(r.API, r.Path) {
			return errs.New(errs.Conflict, "ConflictException", "There is a route %s already, which differs from %s in upper and lower case only.", old.Doc.Path, r.Path)
		}
		former, old.Doc = old.Doc.Function, r
		return nil
	})
	if errs.Is(err, errs.NotFound) {
		stored, err = s.records.Create(ctx, store.Record[Route]{Name: name(r.API, r.Path), Doc: r})
	}
	if err == nil && former != "" && former != r.Function {
		err = s.permissions.Revoke(ctx, former, r.Permission)
	}
	if err == nil {
		err = s.permissions.Grant(ctx, r.Function, r.Permission, requests(&r))
	}
	return stored, err
}

// Get returns the route of that path, or a NotFound error.
func (s *Service) Get(ctx context.Context, path string) (Route, error) {
	if err := s.auth.Authorize(ctx, "apigateway:GET", s.resource(path)); err != nil {
		return Route{}, err
	}
	found, err := s.records.Get(ctx, name(DefaultAPI, path))
	if err != nil || found.Doc.Path != path {
		return Route{}, notFound(err, path)
	}
	return timed(found), nil
}

// List returns all routes in the order of their paths.
func (s *Service) List(ctx context.Context) ([]Route, error) {
	if err := s.auth.Authorize(ctx, "apigateway:GET", s.resource("")); err != nil {
		return nil, err
	}
	return s.all(ctx)
}

// Delete removes the route of that path, with its permission, and returns it, or
// a NotFound error.
func (s *Service) Delete(ctx context.Context, path string) (Route, error) {
	if err := s.auth.Authorize(ctx, "apigateway:DELETE", s.resource(path)); err != nil {
		return Route{}, err
	}
	s.change.Lock()
	defer s.change.Unlock()
	var old store.Record[Route]
	err := s.db.Tx(ctx, func(ctx context.Context) (err error) {
		old, err = s.records.Delete(ctx, name(DefaultAPI, path), func(r store.Record[Route]) error {
			if r.Doc.Path != path {
				return notFound(nil, path)
			}
			return nil
		})
		if err != nil {
			return err
		}
		return s.permissions.Revoke(ctx, old.Doc.Function, old.Doc.Permission)
	})
	if err != nil {
		return Route{}, notFound(err, path)
	}
	return timed(old), s.reload(ctx)
}

func (s *Service) all(ctx context.Context) ([]Route, error) {
	routes := []Route{}
	query := store.Query{Order: store.ByName, Limit: 1000}
	for {
		page, next, err := s.records.List(ctx, query)
		if err != nil {
			return nil, err
		}
		for _, r := range page {
			routes = append(routes, timed(r))
		}
		if query.Token = next; next == "" {
			return routes, nil
		}
	}
}

// reload puts the permissions in force and makes the table of what is stored. A
// change that was stored is reloaded even if its caller is gone by then.
func (s *Service) reload(ctx context.Context) error {
	if err := s.permissions.Reload(ctx); err != nil {
		return err
	}
	routes, err := s.all(context.WithoutCancel(ctx))
	if err != nil {
		return err
	}
	t := &Table{routes: make(map[[2]string]*Route, len(routes))}
	for i := range routes {
		t.routes[[2]string{routes[i].API, routes[i].Path}] = &routes[i]
	}
	s.table.Store(t)
	return nil
}

// resource is the ARN that changing the route of path needs a permission on.
func (s *Service) resource(path string) string {
	return fmt.Sprintf("arn:aws:apigateway:%s::/restapis/%s/resources%s", s.region, DefaultAPI, path)
}

func name(api, path string) string { return api + path }

func timed(r store.Record[Route]) Route {
	r.Doc.Created, r.Doc.Updated = r.Created, r.Updated
	return r.Doc
}

// notFound words the store's error for one that knows routes by their path.
func notFound(err error, path string) error {
	if err == nil || errs.Is(err, errs.NotFound) {
		return errs.New(errs.NotFound, "NotFoundException", "There is no route %.300s.", strings.ToValidUTF8(path, "\ufffd"))
	}
	return err
}
