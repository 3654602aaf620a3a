package rest

import (
	"context"
	"net/http"
	"strings"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"github.com/heliograph/heliograph/internal/route"
)

// RouteSpec is what a route does.
type RouteSpec struct {
	Methods     []string `json:"methods,omitempty" nullable:"false" maxItems:"10" doc:"Methods that the route answers: GET, POST, PUT, PATCH, DELETE or ANY. Default: POST and PUT" example:"[\"PUT\"]"`
	Function    string   `json:"function" minLength:"1" doc:"The function that it runs: classify, classify-json or triage" example:"classify"`
	Integration string   `json:"integration,omitempty" enum:"passthrough,proxy" doc:"passthrough: the function's event is the request's JSON and its whole response is the answer. proxy: the event describes the HTTP request, and the response's statusCode, headers and body are the answer. Default: as the function expects"`
	Config      struct {
		Endpoint string `json:"endpoint,omitempty" doc:"The endpoint that classify and classify-json ask" example:"blazingtext"`
		K        int    `json:"k,omitempty" minimum:"0" doc:"How many labels are answered. Default: 1 for classify, all for classify-json"`
		Answer   string `json:"answer,omitempty" doc:"Wording of classify, with {label} and {probability} in it"`
	} `json:"config,omitempty" doc:"How the function is set up"`
}

// Route is a route as it is kept.
type Route struct {
	Path string `json:"path" doc:"Its path on the public listener" example:"/blazingtext"`
	API  string `json:"api" doc:"The API that it belongs to" example:"default"`
	RouteSpec
	Created time.Time `json:"created"`
	Updated time.Time `json:"updated"`
}

// RouteList is all routes in the order of their paths.
type RouteList struct {
	Routes []Route `json:"routes" nullable:"false"`
}

type routeBody struct{ Body Route }

// PathInput names a route. Its path is one segment of the URL, so a slash within
// it is sent as %2F.
type PathInput struct {
	Path string `path:"path" maxLength:"255" doc:"The route's path without its first slash, percent-encoded: a slash in it is %2F" example:"blazingtext"`
}

func (in PathInput) path() string { return "/" + strings.TrimPrefix(in.Path, "/") }

type putInput struct {
	PathInput // exported, as huma looks into no other
	Body      RouteSpec
}

func (a *api) routes(h huma.API) {
	const one = Prefix + "/routes/{path}"
	tags := []string{"Routes"}
	operation(a, h, "apigateway:GET", huma.Operation{
		OperationID: "ListRoutes", Method: http.MethodGet, Path: Prefix + "/routes", Tags: tags,
		Summary: "List all routes",
		Errors:  []int{401, 403},
	}, func(ctx context.Context, _ *struct{}) (*struct{ Body RouteList }, error) {
		routes, err := a.Routes.List(ctx)
		if err != nil {
			return nil, err
		}
		list := RouteList{Routes: []Route{}}
		for _, r := range routes {
			list.Routes = append(list.Routes, view(r))
		}
		return &struct{ Body RouteList }{list}, nil
	})
	operation(a, h, "apigateway:GET", huma.Operation{
		OperationID: "GetRoute", Method: http.MethodGet, Path: one, Tags: tags,
		Summary: "Show a route",
		Errors:  []int{401, 403, 404},
	}, func(ctx context.Context, in *PathInput) (*routeBody, error) {
		r, err := a.Routes.Get(ctx, in.path())
		return &routeBody{view(r)}, err
	})
	operation(a, h, "apigateway:PUT", huma.Operation{
		OperationID: "PutRoute", Method: http.MethodPut, Path: one, Tags: tags,
		Summary:      "Create or replace a route",
		Errors:       []int{400, 401, 403, 409, 422},
		MaxBodyBytes: 64 << 10,
		Extensions:   also("lambda:AddPermission", "iam:PassRole"),
	}, func(ctx context.Context, in *putInput) (*routeBody, error) {
		r, err := a.Routes.Put(ctx, route.Route{
			Path:        in.path(),
			Methods:     in.Body.Methods,
			Function:    in.Body.Function,
			Integration: route.Integration(in.Body.Integration),
			Config:      route.Config(in.Body.Config),
		})
		return &routeBody{view(r)}, err
	})
	operation(a, h, "apigateway:DELETE", huma.Operation{
		OperationID: "DeleteRoute", Method: http.MethodDelete, Path: one, Tags: tags,
		Summary:       "Remove a route",
		Errors:        []int{401, 403, 404},
		DefaultStatus: http.StatusNoContent,
	}, func(ctx context.Context, in *PathInput) (*struct{}, error) {
		_, err := a.Routes.Delete(ctx, in.path())
		return nil, err
	})
}

func view(r route.Route) Route {
	out := Route{Path: r.Path, API: r.API, Created: r.Created, Updated: r.Updated}
	out.Methods, out.Function, out.Integration = r.Methods, r.Function, string(r.Integration)
	out.Config.Endpoint, out.Config.K, out.Config.Answer = r.Config.Endpoint, r.Config.K, r.Config.Answer
	return out
}
