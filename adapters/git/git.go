// Package git is an adapter that reads files of Git repositories and commits new ones, over
// HTTP. It keeps no working copy: a call fetches one commit into memory, makes the objects that
// are new, and pushes them.
//
//	{"url": "https://git.example.com/net/configs.git", "user": "heddle", "password": "$secret.git",
//	 "author": "Heddle <heddle@example.com>", "allow": ["10.1.0.0/16"]}
package git

import (
	"context"
	"net/http"
	"net/mail"
	"net/url"
	"time"

	"github.com/heddlehq/heddle/adapters"
	"github.com/heddlehq/heddle/adapters/network"
)

// App is how tasks name the adapter.
const App = "Git"

// Config is the configuration of an instance.
type Config struct {
	URL      string `json:"url" doc:"http or https address of the repository"`
	User     string `json:"user,omitempty" doc:"who logs in; services that take tokens want any text here"`
	Password string `json:"password,omitempty" secret:"true" doc:"of the user, or a token"`
	Author   string `json:"author,omitempty" doc:"of commits, Name <address>; Heddle <heddle@localhost> unless given"`
	network.Config
	TLS            network.TLS `json:"tls,omitzero" doc:"how the server proves who it is"`
	TimeoutSeconds int         `json:"timeoutSeconds,omitempty" doc:"of one call; 60 unless given, 600 at most"`
	MaxBytes       int64       `json:"maxBytes,omitempty" doc:"most bytes to fetch for a call; 64 MiB unless given, 512 MiB at most"`
}

// Kind is the adapter.
func Kind() *adapters.Kind {
	return &adapters.Kind{
		App: App, Version: "1.0.0", Summary: "Reads and commits files of Git repositories.", Config: adapters.SchemaOf[Config](),
		Open: func(_ context.Context, i adapters.Instance) (any, error) { return open(i) },
		Methods: []adapters.Spec{
			adapters.Method("commit", commit).Says("Writes and deletes files in one commit, and pushes it.").MayWarn(),
			adapters.Method("list", list).Says("Lists the files of a folder.").ReadOnly().MayWarn(),
			adapters.Method("read", read).Says("Gets a file.").ReadOnly().MayWarn(),
			adapters.Method("refs", refs).Says("Lists branches and tags.").ReadOnly().MayWarn(),
		},
	}
}

// repository is what the calls of an instance share.
type repository struct {
	Config
	author  *mail.Address
	http    *http.Client
	timeout time.Duration
}

// Close lets go of the connections.
func (r *repository) Close() error {
	r.http.CloseIdleConnections()
	return nil
}

func open(i adapters.Instance) (*repository, error) {
	r := &repository{author: &mail.Address{Name: "Heddle", Address: "heddle@localhost"}}
	err := i.Config.Decode(&r.Config)
	if err != nil {
		return nil, network.Wrong("%v", err)
	}
	u, err := url.Parse(r.URL)
	if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Hostname() == "" {
		return nil, network.Wrong("/url must be an http or https address")
	}
	if u.User != nil {
		return nil, network.Wrong("/url must not hold a user; /user and /password do")
	}
	if r.TimeoutSeconds, err = network.Bounds("/timeoutSeconds", r.TimeoutSeconds, 60, 600); err != nil {
		return nil, err
	}
	if r.MaxBytes, err = network.Bounds("/maxBytes", r.MaxBytes, 64<<20, 512<<20); err != nil {
		return nil, err
	}
	r.timeout = time.Duration(r.TimeoutSeconds) * time.Second
	if r.Config.Author != "" {
		if r.author, err = mail.ParseAddress(r.Config.Author); err != nil {
			return nil, network.Wrong("/author must be such as Ada <ada@example.com>, not %q", r.Config.Author)
		}
	}
	guard, err := r.Guard()
	if err != nil {
		return nil, err
	}
	settings, err := r.TLS.Config("/tls", "")
	if err != nil {
		return nil, err
	}
	r.http = &http.Client{
		Transport: &bounded{&http.Transport{
			DialContext: guard.DialContext, TLSClientConfig: settings, ForceAttemptHTTP2: true, TLSHandshakeTimeout: 10 * time.Second, IdleConnTimeout: 30 * time.Second,
		}, r.MaxBytes},
		CheckRedirect: func(next *http.Request, via []*http.Request) error {
			if len(via) > 5 || next.URL.Host != via[0].URL.Host || next.URL.Scheme != via[0].URL.Scheme {
				return network.Wrong("%s leads to %s; the adapter instance must name that itself", via[0].URL.Host, next.URL.Host)
			}
			return nil
		},
	}
	return r, nil
}
