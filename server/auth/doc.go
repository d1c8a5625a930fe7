// Package auth knows who calls and what they may do: accounts, groups, roles, sessions and
// the login that makes them.
//
// It keeps everything in the store and nothing that could be read back: passwords as Argon2id
// hashes, session tokens, API tokens and client secrets as SHA-256 hashes. It speaks no HTTP; package
// server takes tokens from requests and asks here.
package auth
