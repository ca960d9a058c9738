#pragma once

namespace hlid::test {

/// Where HLID_TEST_AS_USER names a user id and root runs the test, makes this program that user, without
/// root's groups, with a home of its own and with a /dev/net/tun that he may open, as on any desktop: a
/// device node of our own is put over it in a mount namespace, so that the real one keeps its mode. Call it
/// first in main. False when this host does not let us (errno says why); true also when nothing was asked.
bool become_asked_user();

}  // namespace hlid::test
