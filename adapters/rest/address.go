package rest

import (
	"errors"
	"net/url"
	"strings"

	"github.com/heddlehq/heddle/adapters/network"
)

func parseURL(text string) (*url.URL, error) {
	u, err := url.Parse(text)
	switch {
	case err != nil:
		return nil, errors.New("must be an address such as https://api.example.com/v1")
	case u.Scheme != "http" && u.Scheme != "https", u.Hostname() == "":
		return nil, errors.New("must be an http or https address")
	case u.User != nil:
		return nil, errors.New("must not hold a user; an instance's auth does")
	}
	u.Fragment, u.RawFragment = "", ""
	return u, nil
}

// shown is an address without its query, which may hold a key.
func shown(u *url.URL) string { return u.Scheme + "://" + u.Host + u.EscapedPath() }

// address is where a call goes: below the client's address, if it has one.
func (c *Client) address(r *Request) (*url.URL, error) {
	var u *url.URL
	switch {
	case r.URL != "" && r.Path != "":
		return nil, network.Wrong("give either /url or /path")
	case r.URL != "":
		var err error
		if u, err = parseURL(r.URL); err != nil {
			return nil, network.Wrong("/url %v", err)
		}
	case c.base == nil:
		return nil, network.Wrong("/url must be given: the adapter instance has no address of its own")
	default:
		path, query, _ := strings.Cut(r.Path, "?")
		if _, err := url.PathUnescape(path); err != nil {
			return nil, network.Wrong("/path is not a path: %v", err)
		}
		if dots(path) {
			return nil, network.Wrong("/path must not lead upwards")
		}
		u = c.base
		if path != "" {
			u = c.base.JoinPath(path)
		}
		u = &url.URL{Scheme: u.Scheme, Host: u.Host, Path: u.Path, RawPath: u.RawPath, RawQuery: query}
	}
	if c.base != nil && (!sameOrigin(u, c.base) || !below(u, c.base)) {
		return nil, network.Wrong("/url must lie below %s, the address of the adapter instance", shown(c.base))
	}
	query, err := url.ParseQuery(u.RawQuery)
	if err != nil {
		return nil, network.Wrong("the query is not one: %v", err)
	}
	for name, values := range r.Query {
		query[name] = values
	}
	u.RawQuery = query.Encode()
	return u, nil
}

// below tells whether a path leads into the base's, however it is spelled.
func below(u, base *url.URL) bool {
	if dots(u.EscapedPath()) {
		return false
	}
	root := strings.TrimSuffix(base.EscapedPath(), "/")
	return u.EscapedPath() == root || strings.HasPrefix(u.EscapedPath(), root+"/")
}

// dots tells whether some server may read the path as one that leads upwards, also one that
// unescapes it twice.
func dots(path string) bool {
	for range 3 {
		for segment := range strings.SplitSeq(strings.ReplaceAll(path, `\`, "/"), "/") {
			name, _, _ := strings.Cut(segment, ";")
			if name == "." || name == ".." {
				return true
			}
		}
		decoded, err := url.PathUnescape(path)
		if err != nil {
			return false
		}
		path = decoded
	}
	return false
}

func sameOrigin(a, b *url.URL) bool {
	return a.Scheme == b.Scheme && strings.EqualFold(a.Hostname(), b.Hostname()) && port(a) == port(b)
}

func port(u *url.URL) string {
	if p := u.Port(); p != "" {
		return p
	}
	return map[string]string{"http": "80", "https": "443"}[u.Scheme]
}
