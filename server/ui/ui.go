// Package ui is the web interface: a single-page application, built from the sources beside
// this file into dist, and carried inside the binary.
package ui

import (
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"fmt"
	"io/fs"
	"mime"
	"net/http"
	"path"
	"strings"
)

//go:embed all:dist
var dist embed.FS

// policy lets pages load only what this server has: no inline script, no other host.
const policy = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; font-src 'self'; " +
	"connect-src 'self'; worker-src 'self'; manifest-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'"

// file is one built file, ready to be sent.
type file struct {
	kind        string // its content type
	tag         string // of the plain form; the packed form's has a suffix
	plain, gzip []byte // gzip is nil when packing does not pay
}

// Handler serves the application below /ui/, and its first page at /. A path below /ui/ that
// is no file answers the first page, too: the application finds its screen by the path.
// Browsers keep what they get and ask each time, by ETag, whether it is still the same.
//
// The files are packed once, when Handler is called. It answers only GET and HEAD.
func Handler() http.Handler {
	root, err := fs.Sub(dist, "dist")
	if err != nil {
		panic(err)
	}
	files, err := load(root)
	if err != nil {
		panic(fmt.Sprintf("web interface: %v", err))
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method != http.MethodGet && r.Method != http.MethodHead {
			w.Header().Set("Allow", "GET, HEAD")
			http.Error(w, "the web interface answers only GET and HEAD", http.StatusMethodNotAllowed)
			return
		}
		name := strings.TrimPrefix(strings.TrimPrefix(path.Clean(r.URL.Path), "/ui"), "/")
		f, ok := files[name]
		if !ok && strings.HasPrefix(name, "assets/") {
			http.NotFound(w, r)
			return
		}
		if !ok {
			f = files["index.html"]
		}
		f.send(w, r)
	})
}

// load reads and packs every file.
func load(root fs.FS) (map[string]*file, error) {
	files := map[string]*file{}
	err := fs.WalkDir(root, ".", func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		data, err := fs.ReadFile(root, name)
		if err != nil {
			return err
		}
		files[name], err = pack(name, data)
		return err
	})
	if err != nil {
		return nil, err
	}
	if files["index.html"] == nil {
		return nil, fmt.Errorf("dist has no index.html; run npm run build")
	}
	return files, nil
}

func pack(name string, data []byte) (*file, error) {
	sum := sha256.Sum256(data)
	f := &file{kind: kindOf(name), tag: hex.EncodeToString(sum[:8]), plain: data}
	var b bytes.Buffer
	w, err := gzip.NewWriterLevel(&b, gzip.BestCompression)
	if err != nil {
		return nil, err
	}
	if _, err := w.Write(data); err != nil {
		return nil, err
	}
	if err := w.Close(); err != nil {
		return nil, err
	}
	if b.Len() < len(data)*9/10 {
		f.gzip = b.Bytes()
	}
	return f, nil
}

// kinds are the content types of what a build makes. They stand here because the system's
// own table differs from machine to machine.
var kinds = map[string]string{
	".css":  "text/css; charset=utf-8",
	".html": "text/html; charset=utf-8",
	".js":   "text/javascript; charset=utf-8",
	".json": "application/json",
	".png":  "image/png",
	".svg":  "image/svg+xml",
}

func kindOf(name string) string {
	if kind, ok := kinds[path.Ext(name)]; ok {
		return kind
	}
	if kind := mime.TypeByExtension(path.Ext(name)); kind != "" {
		return kind
	}
	return "application/octet-stream"
}

func (f *file) send(w http.ResponseWriter, r *http.Request) {
	h := w.Header()
	h.Set("Content-Security-Policy", policy)
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Referrer-Policy", "same-origin")
	h.Set("Cache-Control", "no-cache")
	h.Set("Content-Type", f.kind)
	body, tag := f.plain, f.tag
	if f.gzip != nil {
		h.Set("Vary", "Accept-Encoding")
		if takesGzip(r) {
			body, tag = f.gzip, f.tag+"-gzip"
			h.Set("Content-Encoding", "gzip")
		}
	}
	tag = `"` + tag + `"`
	h.Set("ETag", tag)
	if same(r.Header.Get("If-None-Match"), tag) {
		h.Del("Content-Encoding")
		w.WriteHeader(http.StatusNotModified)
		return
	}
	h.Set("Content-Length", fmt.Sprint(len(body)))
	if r.Method == http.MethodHead {
		return
	}
	// A client that went away is no error of ours.
	_, _ = w.Write(body)
}

// takesGzip tells whether the client accepts gzip and has not given it the weight 0.
func takesGzip(r *http.Request) bool {
	for part := range strings.SplitSeq(r.Header.Get("Accept-Encoding"), ",") {
		name, weight, _ := strings.Cut(strings.TrimSpace(part), ";")
		if strings.EqualFold(strings.TrimSpace(name), "gzip") {
			weight = strings.ReplaceAll(weight, " ", "")
			return strings.Trim(strings.TrimPrefix(weight, "q="), "0.") != "" || weight == ""
		}
	}
	return false
}

// same tells whether a list of tags names this one; a weak tag is as good.
func same(list, tag string) bool {
	for part := range strings.SplitSeq(list, ",") {
		if t := strings.TrimPrefix(strings.TrimSpace(part), "W/"); t == tag || t == "*" {
			return true
		}
	}
	return false
}
