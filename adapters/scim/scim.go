// Package scim is an adapter for the users and groups of services that speak SCIM 2.0 (RFC 7643,
// 7644). An instance names a service, as those of package http do:
//
//	{
//	  "url": "https://id.example.com/scim/v2",
//	  "auth": {"type": "bearer", "token": "$secret.scim"},
//	  "guard": {"delete": 50}
//	}
//
// The methods plan and apply bring users or groups to what is wanted: plan tells what would be
// created, modified and deleted; apply does it, unless the limits of the task or the instance
// stand against it.
package scim

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"strings"

	"github.com/heddlehq/heddle/adapters"
	"github.com/heddlehq/heddle/adapters/network"
	"github.com/heddlehq/heddle/adapters/rest"
	"github.com/heddlehq/heddle/workflows/value"
)

// App is how tasks name the adapter.
const App = "Scim"

// Config is the configuration of an instance.
type Config struct {
	rest.Config
	PageSize int         `json:"pageSize,omitempty" doc:"how many resources are asked for at once; 100 unless given, 1000 at most"`
	Parallel int         `json:"parallel,omitempty" doc:"how many changes apply makes at once; 4 unless given, 32 at most"`
	NoPatch  bool        `json:"noPatch,omitempty" doc:"the service does not know PATCH: resources are replaced as a whole"`
	Guard    value.Value `json:"guard,omitzero" doc:"limits of the changes of one apply by kind, such as {\"delete\": {\"max\": 50, \"percent\": 5}}"`
}

// Kind is the adapter.
func Kind() *adapters.Kind {
	return &adapters.Kind{
		App: App, Version: "1.0.0", Summary: "Keeps the users and groups of SCIM services.", Config: adapters.SchemaOf[Config](),
		Open: func(_ context.Context, i adapters.Instance) (any, error) { return open(i.Config) },
		Methods: []adapters.Spec{
			adapters.Guarded("apply", plan, apply).Says("Brings users or groups to what is wanted."),
			adapters.Method("create", create).Says("Creates a user or a group.").MayWarn(),
			adapters.Method("delete", remove).Says("Deletes a user or a group.").MayWarn(),
			adapters.Method("get", get).Says("Reads a user or a group.").ReadOnly().MayWarn(),
			adapters.Method("list", list).Says("Finds users or groups.").ReadOnly().MayWarn(),
			adapters.Method("patch", patch).Says("Changes a user or a group.").MayWarn(),
			adapters.Method("plan", planned).Says("Tells what apply would change.").ReadOnly().MayBlock().MayWarn(),
		},
	}
}

// Bounds of what an instance may set.
const (
	maxPage     = 1000
	maxParallel = 32
	defaultSize = 8 << 20
)

// service is what the calls of an instance share.
type service struct {
	Config
	rest *rest.Client
}

func open(config value.Value) (*service, error) {
	s := &service{}
	if err := config.Decode(&s.Config); err != nil {
		return nil, network.Wrong("%v", err)
	}
	if s.URL == "" {
		return nil, network.Wrong("/url must be the address of the service, such as https://id.example.com/scim/v2")
	}
	s.MaxBytes = cmp.Or(s.MaxBytes, defaultSize)
	var err error
	if s.PageSize, err = network.Bounds("/pageSize", s.PageSize, 100, maxPage); err != nil {
		return nil, err
	}
	if s.Parallel, err = network.Bounds("/parallel", s.Parallel, 4, maxParallel); err != nil {
		return nil, err
	}
	s.rest, err = rest.Open(s.Config.Config)
	return s, err
}

// The schemas of what is sent.
const (
	schemaUser  = "urn:ietf:params:scim:schemas:core:2.0:User"
	schemaGroup = "urn:ietf:params:scim:schemas:core:2.0:Group"
	schemaPatch = "urn:ietf:params:scim:api:messages:2.0:PatchOp"
	mediaType   = "application/scim+json"
)

// The resources there are.
const (
	users  = "Users"
	groups = "Groups"
)

// call asks the service for something. A status of 400 or more is an error, with what the service says.
func (s *service) call(ctx context.Context, c *adapters.Call, method, path string, query url.Values, body value.Value, etag string) (value.Value, error) {
	r := rest.Request{Method: method, Path: path, Query: query, Header: http.Header{"Accept": {mediaType + ", application/json"}}, Key: c.Order.Key}
	if !body.IsAbsent() {
		r.Body, r.Type = body.AppendJSON(nil), mediaType
	}
	if etag != "" {
		r.Header.Set("If-Match", etag)
	}
	got, err := s.rest.Do(ctx, r)
	if err != nil {
		return value.Absent, err
	}
	if got.StatusCode < 400 {
		if v := got.Headers["etag"]; v != "" && got.Body.IsObject() && got.Body.Path("meta", "version").Text() == "" {
			got.Body = got.Body.WithPath([]string{"meta", "version"}, value.String(v))
		}
		return got.Body, nil
	}
	return value.Absent, refusal(method, s.rest.Place(r), got)
}

// refusal is the error of a status.
func refusal(method, place string, got rest.Answer) error {
	text := fmt.Sprintf("%s %s answered %d %s", method, place, got.StatusCode, http.StatusText(got.StatusCode))
	if said := strings.TrimSpace(got.Body.Get("scimType").Text() + " " + got.Body.Get("detail").Text()); said != "" {
		text += ": " + said
	}
	e := &adapters.Error{
		Class: adapters.ClassHTTP, Text: text, Retryable: new(got.StatusCode >= 500 || got.StatusCode == http.StatusTooManyRequests),
		Details: value.Object("statusCode", value.Int(int64(got.StatusCode)), "response", got.Body),
	}
	if got.StatusCode == http.StatusUnauthorized || got.StatusCode == http.StatusForbidden {
		e.Class = adapters.ClassAuth
	}
	return e
}

// statusOf is the status an error stands for; 0 when it is another error.
func statusOf(err error) int {
	if e, ok := errors.AsType[*adapters.Error](err); ok {
		n, _ := e.Details.Get("statusCode").Int()
		return int(n)
	}
	return 0
}

type one struct {
	Resource string `json:"resource" enum:"Groups,Users" doc:"what kind of resource"`
	ID       string `json:"id" doc:"id of the resource, as the service gave it"`
	ETag     string `json:"etag,omitempty" doc:"version the resource must still have, as meta.version says"`
}

func (o *one) path() (string, error) {
	if o.ID == "" {
		return "", network.Wrong("/id must not be empty")
	}
	return o.Resource + "/" + url.PathEscape(o.ID), nil
}

func get(ctx context.Context, c *adapters.Call, in one) (value.Value, error) {
	path, err := in.path()
	if err != nil {
		return value.Null, err
	}
	return adapters.Client[*service](c).call(ctx, c, http.MethodGet, path, nil, value.Absent, "")
}

type creating struct {
	Resource string      `json:"resource" enum:"Groups,Users" doc:"what kind of resource"`
	Value    value.Value `json:"value" doc:"its attributes"`
}

func create(ctx context.Context, c *adapters.Call, in creating) (value.Value, error) {
	if !in.Value.IsObject() {
		return value.Null, network.Wrong("/value must be an object, not %s", in.Value.Kind())
	}
	return adapters.Client[*service](c).call(ctx, c, http.MethodPost, in.Resource, nil, withSchemas(in.Resource, in.Value), "")
}

// withSchemas names the schemas of a resource, unless it does so itself.
func withSchemas(resource string, v value.Value) value.Value {
	if v.Has("schemas") {
		return v
	}
	all := []string{schemaUser}
	if resource == groups {
		all = []string{schemaGroup}
	}
	for name := range v.Members() {
		if strings.HasPrefix(name, "urn:") {
			all = append(all, name)
		}
	}
	return v.With("schemas", value.Strings(all...))
}

type patching struct {
	one
	Operations []patchOperation `json:"operations" doc:"what to change, in this order"`
}

type patchOperation struct {
	Op    string      `json:"op" enum:"add,remove,replace" doc:"what to do"`
	Path  string      `json:"path,omitempty" doc:"the attribute, such as emails[type eq \"work\"].value; needed for remove"`
	Value value.Value `json:"value,omitzero" doc:"the new value"`
}

func patch(ctx context.Context, c *adapters.Call, in patching) (value.Value, error) {
	path, err := in.path()
	if err != nil {
		return value.Null, err
	}
	if len(in.Operations) == 0 {
		return value.Null, network.Wrong("/operations must not be empty")
	}
	for i, o := range in.Operations {
		switch {
		case o.Op == "remove" && o.Path == "":
			return value.Null, network.Wrong("/operations/%d/path must be given for remove", i)
		case o.Op != "remove" && o.Value.IsAbsent():
			return value.Null, network.Wrong("/operations/%d/value must be given for %s", i, o.Op)
		}
	}
	return adapters.Client[*service](c).call(ctx, c, http.MethodPatch, path, nil, patchBody(in.Operations), in.ETag)
}

func patchBody(operations []patchOperation) value.Value {
	return value.Object("schemas", value.Strings(schemaPatch), "Operations", value.Of(operations))
}

type removing struct {
	one
	MayBeGone bool `json:"mayBeGone,omitempty" doc:"a resource that does not exist is no error"`
}

func remove(ctx context.Context, c *adapters.Call, in removing) (string, error) {
	path, err := in.path()
	if err != nil {
		return "", err
	}
	_, err = adapters.Client[*service](c).call(ctx, c, http.MethodDelete, path, nil, value.Absent, in.ETag)
	if in.MayBeGone && statusOf(err) == http.StatusNotFound {
		err = nil
	}
	return in.ID, err
}

type listing struct {
	Resource   string      `json:"resource" enum:"Groups,Users" doc:"what kind of resources"`
	Filter     string      `json:"filter,omitempty" doc:"which ones, as a SCIM filter"`
	Where      []condition `json:"where,omitempty" doc:"which ones, as conditions that must all hold; give one of the two. A condition is safer when values come from elsewhere"`
	Attributes []string    `json:"attributes,omitempty" doc:"what to read of each; the service's choice unless given"`
	Limit      int         `json:"limit,omitempty" doc:"how many to give; 10000 unless given, 100000 at most"`
}

type listed struct {
	Resources []value.Value `json:"resources"`
	Total     int           `json:"total" doc:"how many there are"`
}

// Bounds of lists.
const (
	defaultList = 10_000
	maxList     = 100_000
)

func list(ctx context.Context, c *adapters.Call, in listing) (listed, error) {
	filter, err := chosen(in.Filter, in.Where)
	if err != nil {
		return listed{}, err
	}
	limit, err := network.Bounds("/limit", in.Limit, defaultList, maxList)
	if err != nil {
		return listed{}, err
	}
	return adapters.Client[*service](c).list(ctx, c, in.Resource, filter, in.Attributes, limit)
}

// list reads resources page by page.
func (s *service) list(ctx context.Context, c *adapters.Call, resource, filter string, attributes []string, limit int) (listed, error) {
	out := listed{Resources: []value.Value{}}
	seen := map[string]bool{}
	for start := 1; ; {
		query := url.Values{"startIndex": {strconv.Itoa(start)}, "count": {strconv.Itoa(min(s.PageSize, limit-len(out.Resources)))}}
		if filter != "" {
			query.Set("filter", filter)
		}
		if attributes != nil {
			query.Set("attributes", strings.Join(attributes, ","))
		}
		page, err := s.call(ctx, c, http.MethodGet, resource, query, value.Absent, "")
		if err != nil {
			return out, err
		}
		total, ok := page.Get("totalResults").Int()
		if !ok || total < 0 {
			return out, network.Remote(false, "the list of %s has no totalResults: this is no SCIM service", resource)
		}
		out.Total = int(total)
		n := 0
		for _, r := range page.Get("Resources").Elements() {
			id := r.Get("id").Text()
			if id == "" {
				return out, network.Remote(false, "a resource of %s has no id", resource)
			}
			if n++; seen[id] {
				return out, network.Remote(true, "the list of %s gives %q twice: it changed while it was read, or the service does not know startIndex", resource, id)
			}
			seen[id] = true
			out.Resources = append(out.Resources, r)
		}
		start += n
		if n == 0 || len(out.Resources) >= min(limit, out.Total) {
			return out, nil
		}
		c.Progress(float64(len(out.Resources))*100/float64(out.Total), fmt.Sprintf("%d of %d %s read", len(out.Resources), out.Total, resource))
	}
}
