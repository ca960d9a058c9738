// Boost.JSON as part of this program (the distribution's library may be shared only).
#include <boost/json/src.hpp>
