package openapi

import (
	"maps"
	"slices"
	"strings"

	"github.com/heddlehq/heddle/adapters/network"
	"github.com/heddlehq/heddle/adapters/rest"
	"github.com/heddlehq/heddle/workflows"
	"github.com/heddlehq/heddle/workflows/value"
)

// scheme is a way to log in that a document describes: all but the credentials.
type scheme struct {
	auth   rest.Auth
	scopes []string // of OAuth2, all that there are
}

// requirement names the schemes that one way to call an operation needs, with their scopes.
type requirement map[string][]string

// readSecurity reads the ways to log in. One that is unknown can still be configured by hand.
func (d *document) readSecurity() {
	d.schemes = map[string]scheme{}
	list, at := d.root.Path("components", "securitySchemes"), "/components/securitySchemes"
	if d.swagger {
		list, at = d.root.Get("securityDefinitions"), "/securityDefinitions"
	}
	for name, v := range list.Members() {
		v, place, why := d.follow(v, child(at, name))
		if why != "" {
			d.wrong(workflows.Warning, place, "reference", "%s", why)
			continue
		}
		var s scheme
		switch kind := v.Get("type").Text(); {
		case kind == "basic", kind == "http" && strings.EqualFold(v.Get("scheme").Text(), "basic"):
			s.auth.Type = "basic"
		case kind == "apiKey":
			s.auth = rest.Auth{Type: "apiKey", In: v.Get("in").Text(), Name: v.Get("name").Text()}
			if s.auth.Name == "" {
				d.wrong(workflows.Error, child(place, "name"), "security", "must name the header, query parameter or cookie of the key")
			}
		case kind == "oauth2":
			flow := v.Path("flows", "clientCredentials")
			if d.swagger {
				flow = v
			}
			s.auth = rest.Auth{Type: "oauth2", TokenURL: flow.Get("tokenUrl").Text()}
			s.scopes = flow.Get("scopes").Keys()
		case kind == "http", kind == "openIdConnect":
			s.auth.Type = "bearer"
		default:
			d.wrong(workflows.Warning, child(place, "type"), "security", "the type %q is not known; the instance's auth can stand for it", kind)
			continue
		}
		d.schemes[name] = s
	}
}

// requirements lists the ways to log in to an operation. nil says that it needs none.
func (d *document) requirements(operation value.Value, at string) []requirement {
	list := operation.Get("security")
	if list.IsAbsent() {
		list, at = d.root.Get("security"), ""
	}
	var out []requirement
	for i, alternative := range list.Elements() {
		r := requirement{}
		for name, scopes := range alternative.Members() {
			if _, ok := d.schemes[name]; !ok {
				d.wrong(workflows.Warning, child(child(child(at, "security"), index(i)), name), "security", "there is no security scheme of this name that can be used")
			}
			for _, s := range scopes.Elements() {
				r[name] = append(r[name], s.Text())
			}
			if r[name] == nil {
				r[name] = []string{}
			}
		}
		out = append(out, r)
	}
	return out
}

// Credentials are what an instance has for one of the document's security schemes.
type Credentials struct {
	User         string   `json:"user,omitempty" doc:"http basic"`
	Password     string   `json:"password,omitempty" secret:"true" doc:"http basic"`
	Token        string   `json:"token,omitempty" secret:"true" doc:"http bearer, and OAuth2 in place of client credentials"`
	Key          string   `json:"key,omitempty" secret:"true" doc:"apiKey: the whole value of the header, query parameter or cookie"`
	ClientID     string   `json:"clientId,omitempty" doc:"OAuth2 client credentials"`
	ClientSecret string   `json:"clientSecret,omitempty" secret:"true" doc:"OAuth2 client credentials"`
	ClientAuth   string   `json:"clientAuth,omitempty" enum:"header,body" doc:"OAuth2: where the client's secret goes; header unless given"`
	Scopes       []string `json:"scopes,omitempty" doc:"OAuth2: what to ask for; all that the document's scheme has unless given"`
	TokenURL     string   `json:"tokenUrl,omitempty" doc:"OAuth2: in place of the document's"`
}

// login completes a scheme with credentials.
func (d *document) login(c *rest.Client, base, name string, k Credentials) (*rest.Login, error) {
	place := "/security" + child("", name)
	s, ok := d.schemes[name]
	if !ok {
		return nil, network.Wrong("%s: the document has no security scheme of this name; it has %s", place, strings.Join(d.schemeNames(), ", "))
	}
	a := s.auth
	a.User, a.Password, a.Token, a.Key = k.User, k.Password, k.Token, k.Key
	if a.Type == "oauth2" && k.Token != "" {
		a.Type = "bearer"
	}
	if a.Type == "oauth2" {
		a.ClientID, a.ClientSecret, a.ClientAuth, a.Scopes = k.ClientID, k.ClientSecret, k.ClientAuth, k.Scopes
		if a.Scopes == nil {
			a.Scopes = s.scopes
		}
		if k.TokenURL != "" {
			a.TokenURL = k.TokenURL
		}
		a.TokenURL = resolve(base, a.TokenURL)
	}
	return c.NewLogin(place, a)
}

func (d *document) schemeNames() []string {
	names := slices.Sorted(maps.Keys(d.schemes))
	if names == nil {
		names = []string{"none"}
	}
	return names
}
