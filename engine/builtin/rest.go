package builtin

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/heddlehq/heddle/engine"
	"github.com/heddlehq/heddle/workflows/value"
)

var restCallMethod = automatic(groupTools, "restCall", "restCall", "Makes an HTTP request.",
	params{
		need("uri", "string", "the address"),
		oneOf(may("verb", "string", "the method; GET unless given"), "DELETE", "GET", "PATCH", "POST", "PUT", "HEAD", ""),
		may("method", "string", "another name of \"verb\""),
		may("user", "string", "the user for basic authentication"), may("password", "string", "the password"),
		may("headers", "object", "headers by name"), may("body", "", "the body; sent as JSON unless it is a text"),
		may("responseHeaders", "boolean", "whether to give the headers of the answer, too"),
	},
	params{gives("response", "", "the body of the answer, read when it is JSON; with its headers {body, headers, statusCode}")})

var outsideTasks = []Task{
	{Method: restCallMethod, Run: task(restCallMethod, restCall).Run, Outside: true},
}

func restCall(c *Call) engine.Outcome {
	network := c.Network
	if network == nil {
		network = &Network{}
	}
	request, err := restRequest(c.Incoming)
	if err != nil {
		return failed(err)
	}
	ctx, cancel := network.within(c.Context)
	defer cancel()
	response, err := network.client().Do(request.WithContext(ctx))
	if err != nil {
		return failed(unreached(request.URL, err))
	}
	defer response.Body.Close()
	data, err := io.ReadAll(io.LimitReader(response.Body, network.size()+1))
	if err != nil {
		return failed(unreached(request.URL, err))
	}
	if int64(len(data)) > network.size() {
		return failed(tooMuch("the answer is larger than %d bytes", network.size()))
	}
	body := value.OfBody(data)
	if response.StatusCode >= 400 {
		return failed(&problem{
			class: "http", text: fmt.Sprintf("%s %s answered %s", request.Method, request.URL.Redacted(), response.Status),
			more: value.Object("statusCode", value.Int(int64(response.StatusCode)), "response", body),
		})
	}
	if c.Incoming.Get("responseHeaders").Truth() {
		body = value.Object("body", body, "headers", headersOf(response.Header), "statusCode", value.Int(int64(response.StatusCode)))
	}
	return engine.Succeed("response", body)
}

func unreached(u *url.URL, err error) error {
	if p, ok := errors.AsType[*problem](err); ok {
		return p
	}
	if e, ok := errors.AsType[*url.Error](err); ok {
		err = e.Err // the rest repeats the address, with its password
	}
	return &problem{class: "network", text: fmt.Sprintf("%s cannot be reached: %s", u.Redacted(), err)}
}

func restRequest(in value.Value) (*http.Request, error) {
	u, err := url.Parse(in.Get("uri").Text())
	if err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" {
		return nil, badInput("\"uri\" must be an http or https address, not %q", clip(in.Get("uri").Text()))
	}
	verb := in.Get("verb").Text()
	if verb == "" {
		verb = in.Get("method").Text()
	}
	if verb == "" {
		verb = http.MethodGet
	}
	var body io.Reader
	kind := ""
	switch v := in.Get("body"); {
	case v.IsNothing():
	case v.IsString():
		if v.Text() != "" {
			body = strings.NewReader(v.Text())
		}
	default:
		body, kind = bytes.NewReader(v.AppendJSON(nil)), "application/json"
	}
	r, err := http.NewRequest(strings.ToUpper(verb), u.String(), body)
	if err != nil {
		return nil, badInput("the request cannot be made: %s", err)
	}
	if kind != "" {
		r.Header.Set("Content-Type", kind)
	}
	for k, v := range in.Get("headers").Members() {
		if strings.EqualFold(k, "Host") {
			r.Host = text(v)
			continue
		}
		r.Header.Set(k, text(v))
	}
	if user := in.Get("user").Text(); user != "" {
		r.SetBasicAuth(user, in.Get("password").Text())
	}
	return r, nil
}

func headersOf(h http.Header) value.Value {
	var out value.Members
	for _, k := range slices.Sorted(maps.Keys(h)) {
		out.Set(strings.ToLower(k), value.String(strings.Join(h[k], ", ")))
	}
	return out.Value()
}
