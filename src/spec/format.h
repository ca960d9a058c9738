#pragma once
#include <optional>
#include <string>
#include <string_view>

namespace hlid::spec {

/// What is wrong with a text, and one thing to do. Never holds the value of a secret.
struct Fault {
  std::string message;  ///< completes "NAME: ": "'fr' is no locale"
  std::string hint;
};

/// How a text must look. `check` is the truth; `pattern` says the same to editors (a test compares the two).
struct Format {
  std::string_view name;        ///< "DNS label"
  std::string_view constraint;  ///< for the reference
  std::string_view pattern;     ///< ECMA 262 regular expression, "" none
  std::optional<Fault> (*check)(std::string_view text);
};

namespace format {
extern const Format kAny;
extern const Format kLabel;  ///< RFC 1123, 2.1: lower case
extern const Format kDomain;
extern const Format kNode;
extern const Format kStorage;
extern const Format kBridge;
extern const Format kEndpoint;
extern const Format kMirror;
extern const Format kFingerprint;
extern const Format kSecret;
extern const Format kPath;
extern const Format kImage;
extern const Format kIpv4;
extern const Format kNetwork;
extern const Format kLocale;
extern const Format kKeyboard;
extern const Format kTimeZone;
extern const Format kPackage;
extern const Format kUser;
extern const Format kPublicKey;
extern const Format kTag;
extern const Format kTarget;  ///< a group, a machine or an address
extern const Format kVersion;
extern const Format kChannel;
extern const Format kSchedule;
extern const Format kServerName;  ///< DNS name or IPv4 address, for a certificate
extern const Format kLabelKey;    ///< Kubernetes, "Labels and Selectors", "Syntax and character set"
extern const Format kLabelValue;
extern const Format kTaint;      ///< kubectl(1) taint: key[=value]:Effect
extern const Format kOptionKey;  ///< a long command line flag without its dashes
}  // namespace format

/// A line of an authorized_keys file (OpenSSH, sshd(8)): type, base64 blob that repeats the type, comment.
std::optional<Fault> check_public_key(std::string_view line);

}  // namespace hlid::spec
