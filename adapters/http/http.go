// Package http is an adapter for REST services. An instance names a service, how to log in there
// and what the network allows; credentials go to that service and nowhere else.
//
//	{"url": "https://netbox.example.com/api", "allow": ["10.1.0.0/16"],
//	 "auth": {"type": "apiKey", "name": "Authorization", "key": "$secret.netbox"},
//	 "retry": {"limit": 3}}
package http

import (
	"context"
	nethttp "net/http"
	"net/url"

	"github.com/heddlehq/heddle/adapters"
	"github.com/heddlehq/heddle/adapters/network"
	"github.com/heddlehq/heddle/adapters/rest"
	"github.com/heddlehq/heddle/workflows/value"
)

// App is how tasks name the adapter.
const App = "Http"

// Kind is the adapter.
func Kind() *adapters.Kind {
	return &adapters.Kind{
		App: App, Version: "1.1.0", Summary: "Calls REST services.", Config: adapters.SchemaOf[rest.Config](),
		Open: func(_ context.Context, i adapters.Instance) (any, error) {
			var config rest.Config
			if err := i.Config.Decode(&config); err != nil {
				return nil, network.Wrong("%v", err)
			}
			return rest.Open(config)
		},
		Methods: []adapters.Spec{
			adapters.Method("pages", pages).Says("Gets a list that a service hands out in pages.").ReadOnly().MayWarn(),
			adapters.Method("request", request).Says("Makes an HTTP request.").MayWarn(),
		},
	}
}

type place struct {
	URL     string                 `json:"url,omitempty" doc:"whole address; with an instance that has one it must lie below that"`
	Path    string                 `json:"path,omitempty" doc:"below the address of the instance"`
	Query   map[string]value.Value `json:"query,omitempty" doc:"query parameters; a list gives one for each element"`
	Headers map[string]value.Value `json:"headers,omitempty" doc:"headers by name"`
}

func (p *place) request(key string) rest.Request {
	r := rest.Request{URL: p.URL, Path: p.Path, Query: url.Values{}, Header: nethttp.Header{}, Key: key}
	for name, v := range p.Query {
		if !v.IsArray() {
			v = value.Array(v)
		}
		r.Query[name] = []string{}
		for _, e := range v.Elements() {
			r.Query.Add(name, rest.Plain(e))
		}
	}
	for name, v := range p.Headers {
		r.Header[name] = []string{rest.Plain(v)}
	}
	return r
}

type input struct {
	Method string `json:"method,omitempty" enum:"DELETE,GET,HEAD,OPTIONS,PATCH,POST,PUT" doc:"GET unless given"`
	place
	Body         value.Value `json:"body,omitzero" doc:"sent as JSON unless it is a text"`
	AcceptStatus []int       `json:"acceptStatus,omitempty" doc:"statuses of 400 or more that are no error"`
}

type output struct {
	Response rest.Answer `json:"response" doc:"what the service answered"`
}

func request(ctx context.Context, call *adapters.Call, in input) (output, error) {
	c := adapters.Client[*rest.Client](call)
	r := in.request(call.Order.Key)
	r.Method = in.Method
	if r.Method == "" {
		r.Method = nethttp.MethodGet
	}
	switch {
	case in.Body.IsNothing():
	case in.Body.IsString():
		r.Body = []byte(in.Body.Text())
	default:
		r.Body, r.Type = in.Body.AppendJSON(nil), "application/json"
	}
	got, err := c.Do(ctx, r)
	if err == nil {
		err = got.Check(r.Method, c.Place(r), in.AcceptStatus...)
	}
	return output{got}, err
}

type pagesInput struct {
	place
	Paging rest.Paging `json:"paging" doc:"how the service hands out its list"`
}

func pages(ctx context.Context, call *adapters.Call, in pagesInput) (rest.Pages, error) {
	return adapters.Client[*rest.Client](call).Pages(ctx, in.request(call.Order.Key), in.Paging)
}
