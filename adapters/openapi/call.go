package openapi

import (
	"context"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strconv"

	"github.com/heddlehq/heddle/adapters"
	"github.com/heddlehq/heddle/adapters/network"
	"github.com/heddlehq/heddle/adapters/rest"
	"github.com/heddlehq/heddle/workflows/value"
)

// Config is the configuration of an instance.
type Config struct {
	rest.Config
	Variables map[string]string      `json:"variables,omitempty" doc:"values for the variables of the document's address"`
	Security  map[string]Credentials `json:"security,omitempty" doc:"credentials by the names of the document's security schemes; auth stands for all that are not here"`
}

// instance is what the calls of one instance share.
type instance struct {
	config  Config
	clients map[string]side // by the address of the document that operations have
}

// side is a service at one address, and who we are there.
type side struct {
	client *rest.Client
	logins map[string]*rest.Login // by the name of the security scheme
}

// Close lets go of the connections that wait for more calls.
func (i *instance) Close() error {
	for _, s := range i.clients {
		_ = s.client.Close() // it has nothing to say
	}
	return nil
}

func open(d *document, v value.Value) (*instance, error) {
	i := &instance{clients: map[string]side{}}
	if err := v.Decode(&i.config); err != nil {
		return nil, network.Wrong("%v", err)
	}
	for _, o := range d.operations {
		if _, ok := i.clients[o.server]; ok {
			continue
		}
		config := i.config.Config
		said := o.server
		if said == "" {
			said = d.address()
		}
		config.URL = place(i.config.URL, d.variables(said, i.config.Variables))
		if u, err := url.Parse(config.URL); err != nil || u.Host == "" {
			return nil, network.Wrong("/url must be given: the document says no more than %q", said)
		}
		client, err := rest.Open(config)
		if err != nil {
			return nil, err
		}
		s := side{client, map[string]*rest.Login{}}
		for name, k := range i.config.Security {
			if s.logins[name], err = d.login(client, config.URL, name, k); err != nil {
				return nil, err
			}
		}
		i.clients[o.server] = s
	}
	return i, nil
}

// place is where an instance finds the service: at its own address, which gets the document's
// path when it has none and the document has no host, or else at the document's.
func place(own, said string) string {
	if own == "" {
		return said
	}
	u, err := url.Parse(own)
	if s, wrong := url.Parse(said); err == nil && wrong == nil && !s.IsAbs() && (u.Path == "" || u.Path == "/") {
		return resolve(own, said)
	}
	return own
}

// resolve is an address as it is meant beside a base.
func resolve(base, address string) string {
	b, err := url.Parse(base)
	u, wrong := url.Parse(address)
	if err != nil || wrong != nil || u.IsAbs() {
		return address
	}
	return b.ResolveReference(u).String()
}

// choose takes the first way to log in for which there are credentials. nil is the instance's
// general auth.
func (s *side) choose(o *operation) []*rest.Login {
	for _, r := range o.security {
		logins := []*rest.Login{}
		for _, name := range slices.Sorted(maps.Keys(r)) {
			if l := s.logins[name]; l != nil {
				logins = append(logins, l)
			}
		}
		if len(logins) == len(r) && len(r) > 0 {
			return logins
		}
	}
	return nil
}

func (o *operation) call(ctx context.Context, call *adapters.Call, in value.Value) (value.Value, error) {
	side := adapters.Client[*instance](call).clients[o.server]
	r, err := o.request(in)
	if err != nil {
		return value.Absent, err
	}
	r.Key, r.Logins = call.Order.Key, side.choose(o)
	got, err := side.client.Do(ctx, r)
	if err == nil {
		err = got.Check(r.Method, side.client.Place(r))
	}
	return value.Object("response", value.Of(got)), err
}

// request is a call of the operation with what a task gives.
func (o *operation) request(in value.Value) (rest.Request, error) {
	r := rest.Request{Method: o.verb, Query: url.Values{}, Header: http.Header{}}
	path := o.path
	for i := range o.parameters {
		p := &o.parameters[i]
		v := in.Get(p.key)
		if !given(v) {
			if p.required {
				return r, network.Wrong("/%s must be given", value.EscapePointer(p.key))
			}
			continue
		}
		if err := p.put(v, &r, &path); err != nil {
			return r, err
		}
	}
	r.Path = path
	if o.body == nil {
		return r, nil
	}
	v := in.Get(payload)
	if v.IsAbsent() || v.IsString() && v.Text() == "" || v.IsNull() && !o.body.required {
		if o.body.required {
			return r, network.Wrong("/%s must be given", payload)
		}
		return r, nil
	}
	mediaType := in.Get(contentType).Text()
	if mediaType == "" {
		mediaType = o.body.types[0]
	}
	return r, o.body.put(v, mediaType, &r)
}

func index(i int) string { return strconv.Itoa(i) }
